package dev.keyward.jce;

/** The secret keys; a class for each kind, so that the JDK offers each to its services alone. */
abstract class ServiceSecretKey extends ServiceKey implements KeywardSecretKey {
    private static final long serialVersionUID = 1L;

    private ServiceSecretKey(ServiceClient client, KeyInfo info) {
        super(client, info);
    }

    /** The key object for what the service told. */
    static ServiceSecretKey of(ServiceClient client, KeyInfo info) {
        return switch (info.secretKind()) {
            case AES -> new Aes(client, info);
            case HMAC -> new Hmac(client, info);
        };
    }

    /** The class of a kind's keys, by name, for {@code SupportedKeyClasses}. */
    static String className(AlgorithmTable.SecretKind kind) {
        return switch (kind) {
            case AES -> Aes.class.getName();
            case HMAC -> Hmac.class.getName();
        };
    }

    @Override
    public final String getAlgorithm() {
        return info().secretKind().jca;
    }

    @Override
    public final int keyBits() {
        String type = info().type();
        return Integer.parseInt(type.substring(type.lastIndexOf('-') + 1));
    }

    private static final class Aes extends ServiceSecretKey {
        private static final long serialVersionUID = 1L;

        Aes(ServiceClient client, KeyInfo info) {
            super(client, info);
        }
    }

    private static final class Hmac extends ServiceSecretKey {
        private static final long serialVersionUID = 1L;

        Hmac(ServiceClient client, KeyInfo info) {
            super(client, info);
        }
    }
}
