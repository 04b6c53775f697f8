/**
 * A {@code java.security} provider whose private keys stay inside the Keyward service.
 *
 * <p>{@link dev.keyward.jce.KeywardProvider} offers the KeyStore type {@code Keyward} and the
 * signatures, decryptions and key agreements of the keys in it. Everything that needs no private
 * key of the service is left to the other providers.
 *
 * <pre>{@code
 * Security.addProvider(new KeywardProvider());
 * KeyStore keys = KeyStore.getInstance("Keyward");
 * keys.load(null, null);
 * KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
 * managers.init(keys, null);
 * SSLContext context = SSLContext.getInstance("TLS");
 * context.init(managers.getKeyManagers(), null, null);
 * }</pre>
 */
package dev.keyward.jce;
