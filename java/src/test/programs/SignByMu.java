import dev.keyward.jce.KeyAttributes;
import dev.keyward.jce.KeywardProvider;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.Signature;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;

/** Signs more than a request can carry with ML-DSA, and a mu made by hand; SunJCE's peer verifies. */
public class SignByMu {
    public static void main(String[] arguments) throws Exception {
        KeywardProvider keyward = new KeywardProvider();
        byte[] message = new byte[3 << 20];
        new Random().nextBytes(message);
        for (String set : new String[] {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}) {
            KeyPairGenerator generator = KeyPairGenerator.getInstance(set, keyward);
            String name = set + "-" + HexFormat.of().toHexDigits(System.nanoTime());
            // Held to the algorithm under its usual name.
            generator.initialize(KeyAttributes.named(name).withAlgorithms(set));
            KeyPair pair = generator.generateKeyPair();
            for (String algorithm : new String[] {"ML-DSA", set}) {
                Signature signer = Signature.getInstance(algorithm, keyward);
                signer.initSign(pair.getPrivate());
                // The second signature begins anew.
                for (int round = 0; round < 2; round++) {
                    signer.update(message, 0, 1000);
                    signer.update(message, 1000, message.length - 1000);
                    check(pair, message, signer.sign());
                }
                signer.update(message, 0, 10);
                signer.initSign(pair.getPrivate());
                check(pair, new byte[0], signer.sign());
            }
            MessageDigest shake = MessageDigest.getInstance("SHAKE256-512");
            byte[] spki = pair.getPublic().getEncoded();
            byte[] keyHash = shake.digest(Arrays.copyOfRange(spki, 22, spki.length));
            shake.update(keyHash);
            shake.update(new byte[2]);
            Signature external = Signature.getInstance("ML-DSA-EXTERNAL-MU", keyward);
            external.initSign(pair.getPrivate());
            external.update(shake.digest(message));
            check(pair, message, external.sign());
        }
        System.out.println("signed");
    }

    private static void check(KeyPair pair, byte[] message, byte[] signature) throws Exception {
        Signature verifier = Signature.getInstance("ML-DSA", "SUN");
        verifier.initVerify(pair.getPublic());
        verifier.update(message);
        if (!verifier.verify(signature)) {
            throw new AssertionError("the signature is not valid");
        }
    }
}
