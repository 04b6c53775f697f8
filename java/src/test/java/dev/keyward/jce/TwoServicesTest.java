package dev.keyward.jce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Signature;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Two providers in one Java, each with a service of its own. */
@ExtendWith(RunningService.Extension.class)
class TwoServicesTest {
    private static final byte[] MESSAGE = {1, 2, 3};

    @Test
    void a_key_is_used_in_its_own_service_whichever_provider_signs(RunningService first)
            throws Exception {
        try (RunningService second = new RunningService()) {
            String name = first.key("two-services", "p-256");
            assertEquals(name, second.key(name, "p-256"));
            for (Provider signing : new Provider[] {first.provider(), second.provider()}) {
                for (RunningService owner : new RunningService[] {first, second}) {
                    byte[] signature = sign(signing, owner.privateKey(name));
                    assertTrue(verified(owner, name, signature));
                    RunningService other = owner == first ? second : first;
                    assertFalse(verified(other, name, signature));
                }
            }
        }
    }

    @Test
    void a_key_store_takes_no_name_for_a_key_of_another_service(RunningService first)
            throws Exception {
        try (RunningService second = new RunningService()) {
            String name = first.key("two-services", "p-256");
            second.key(name, "p-256");
            PrivateKey foreign = second.privateKey(name);
            assertNotEquals(first.privateKey(name), foreign);
            KeyStore keys = first.keyStore();
            KeyStoreException refused = assertThrows(KeyStoreException.class,
                () -> keys.setKeyEntry("renamed", foreign, null,
                    second.keyStore().getCertificateChain(name)));
            assertTrue(refused.getMessage().contains("another Keyward service"),
                refused.getMessage());
        }
    }

    private static byte[] sign(Provider provider, PrivateKey key) throws Exception {
        Signature signature = Signature.getInstance("SHA256withECDSA", provider);
        signature.initSign(key);
        signature.update(MESSAGE);
        return signature.sign();
    }

    private static boolean verified(RunningService service, String name, byte[] signature)
            throws Exception {
        Signature verification = Signature.getInstance("SHA256withECDSA", "SunEC");
        verification.initVerify(service.publicKey(name));
        verification.update(MESSAGE);
        return verification.verify(signature);
    }
}
