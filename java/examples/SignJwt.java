import com.nimbusds.jose.JWEObject;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSSigner;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.crypto.RSADecrypter;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import dev.keyward.jce.KeywardProvider;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.security.interfaces.ECKey;

/**
 * Makes a signed JSON Web Token, or opens an encrypted one, with Nimbus JOSE + JWT and a key in the
 * Keyward service. It needs com.nimbusds:nimbus-jose-jwt.
 *
 * <pre>SignJwt ALIAS RS256|PS256|ES256|ES384|ES512
 *SignJwt ALIAS decrypt TOKEN</pre>
 */
public class SignJwt {
    public static void main(String[] arguments) throws Exception {
        Provider keyward = new KeywardProvider();
        Security.addProvider(keyward);
        KeyStore keys = KeyStore.getInstance("Keyward");
        keys.load(null, null);
        PrivateKey key = (PrivateKey) keys.getKey(arguments[0], null);

        if (arguments[1].equals("decrypt")) {
            JWEObject token = JWEObject.parse(arguments[2]);
            token.decrypt(new RSADecrypter(key));
            System.out.println(token.getPayload());
            return;
        }
        JWSAlgorithm algorithm = JWSAlgorithm.parse(arguments[1]);
        JWSSigner signer = key instanceof ECKey ec
            ? new ECDSASigner(key, Curve.forECParameterSpec(ec.getParams()))
            : new RSASSASigner(key);
        // Nimbus sets the parameters of PS256 before it shows the key, so it has to know.
        signer.getJCAContext().setProvider(keyward);
        SignedJWT token = new SignedJWT(new JWSHeader(algorithm),
            new JWTClaimsSet.Builder().subject("alice").issuer("keyward-example").build());
        token.sign(signer);
        System.out.println(token.serialize());
    }
}
