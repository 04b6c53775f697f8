import dev.keyward.jce.KeywardProvider;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.List;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * Signs a file as a CMS message (RFC 5652, "PKCS#7") with BouncyCastle and a key in the Keyward
 * service. It needs org.bouncycastle:bcpkix-jdk18on.
 *
 * <pre>SignCms ALIAS ALGORITHM INPUT OUTPUT</pre>
 * {@code ALGORITHM} is SHA256withRSA, SHA256withRSAandMGF1, SHA256withECDSA, Ed25519.
 * {@code openssl cms -verify -inform DER -in OUTPUT} checks it.
 */
public class SignCms {
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new KeywardProvider());
        KeyStore keys = KeyStore.getInstance("Keyward");
        keys.load(null, null);
        PrivateKey key = (PrivateKey) keys.getKey(arguments[0], null);
        Certificate[] chain = keys.getCertificateChain(arguments[0]);

        // The builder gets no provider: the key itself leads to Keyward, and digests stay with Java.
        ContentSigner signer = new JcaContentSignerBuilder(arguments[1]).build(key);
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        generator.addSignerInfoGenerator(new JcaSignerInfoGeneratorBuilder(
            new JcaDigestCalculatorProviderBuilder().build())
            .build(signer, (X509Certificate) chain[0]));
        generator.addCertificates(new JcaCertStore(List.of(chain)));

        byte[] content = Files.readAllBytes(Path.of(arguments[2]));
        Files.write(Path.of(arguments[3]),
            generator.generate(new CMSProcessableByteArray(content), true).getEncoded());
    }
}
