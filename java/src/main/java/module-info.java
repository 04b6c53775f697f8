/**
 * The Java provider of Keyward: private keys that stay inside the service, behind the standard
 * interfaces of {@code java.security}.
 *
 * <p>The provider loads a native library. Where the Java launcher asks for leave, grant it with
 * {@code --enable-native-access=dev.keyward.jce}.
 */
module dev.keyward.jce {
    exports dev.keyward.jce;

    provides java.security.Provider with dev.keyward.jce.KeywardProvider;
}
