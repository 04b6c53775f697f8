package dev.keyward.jce;

import jakarta.servlet.ServletContextEvent;
import jakarta.servlet.ServletContextListener;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import javax.crypto.Cipher;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/** A web application for tests that brings the provider: it uses keys when it starts. */
public final class RedeployedApplication implements ServletContextListener {
    private final KeywardProvider provider = new KeywardProvider();

    @Override
    public void contextInitialized(ServletContextEvent event) {
        try {
            KeyStore keys = KeyStore.getInstance("Keyward", provider);
            keys.load(null, null);
            PrivateKey key =
                (PrivateKey) keys.getKey(event.getServletContext().getInitParameter("key"), null);
            Signature signature = Signature.getInstance("SHA256withRSA", provider);
            signature.initSign(key);
            signature.sign();
            Cipher.getInstance("RSA/ECB/PKCS1Padding", provider)
                .init(Cipher.DECRYPT_MODE, key);
            KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
            managers.init(keys, null);
            SSLContext.getInstance("TLS").init(managers.getKeyManagers(), null, null);
            System.out.println("signed");
        } catch (Exception failure) {
            throw new IllegalStateException(failure);
        }
    }

    @Override
    public void contextDestroyed(ServletContextEvent event) {
        provider.close();
    }
}
