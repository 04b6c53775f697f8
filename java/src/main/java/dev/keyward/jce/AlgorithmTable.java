// Generated from the crate keyward-algorithms by its test `generated`; do not edit.
package dev.keyward.jce;

import java.util.List;

/** The one table of Keyward, as the Java provider needs it. */
final class AlgorithmTable {
    /** Version of the provider; the native library must have the same. */
    static final String VERSION = "0.1.0";

    /** ML-DSA with any parameter set. */
    static final String ML_DSA = "ML-DSA";

    /** ML-DSA over a digest that the caller made. */
    static final String ML_DSA_MU = "ML-DSA-EXTERNAL-MU";

    /** ML-KEM with any parameter set. */
    static final String ML_KEM = "ML-KEM";

    /** A message digest. */
    enum Digest {
        SHA1(1, "SHA-1", "SHA1", 20),
        SHA224(2, "SHA-224", "SHA224", 28),
        SHA256(3, "SHA-256", "SHA256", 32),
        SHA384(4, "SHA-384", "SHA384", 48),
        SHA512(5, "SHA-512", "SHA512", 64),
        SHA512_256(6, "SHA-512/256", "SHA512/256", 32),
        SHA3_256(7, "SHA3-256", "SHA3-256", 32),
        SHA3_384(8, "SHA3-384", "SHA3-384", 48),
        SHA3_512(9, "SHA3-512", "SHA3-512", 64);

        final int code;
        final String jca;
        final String jcaPrefix;
        final int size;

        Digest(int code,
            String jca,
            String jcaPrefix,
            int size) {
            this.code = code;
            this.jca = jca;
            this.jcaPrefix = jcaPrefix;
            this.size = size;
        }
    }

    /** How a signature is made from a digest, or from the message. */
    enum Scheme {
        RSA_PKCS1(1, KeyRight.SIGN, false),
        RSA_PSS(2, KeyRight.SIGN, false),
        RSA_RAW(3, KeyRight.RAW, false),
        ECDSA(4, KeyRight.SIGN, false),
        ED25519(5, KeyRight.SIGN, true),
        ML_DSA_44(6, KeyRight.SIGN, true),
        ML_DSA_65(7, KeyRight.SIGN, true),
        ML_DSA_87(8, KeyRight.SIGN, true),
        ML_DSA_44_MU(9, KeyRight.SIGN, false),
        ML_DSA_65_MU(10, KeyRight.SIGN, false),
        ML_DSA_87_MU(11, KeyRight.SIGN, false),
        ED25519PH(12, KeyRight.SIGN, false);

        final int code;
        final KeyRight right;
        final boolean takesMessage;

        Scheme(int code,
            KeyRight right,
            boolean takesMessage) {
            this.code = code;
            this.right = right;
            this.takesMessage = takesMessage;
        }
    }

    /** An elliptic curve. */
    enum Curve {
        P_256("p-256", "secp256r1", "prime256v1", "1.2.840.10045.3.1.7", 256, 32),
        P_384("p-384", "secp384r1", "secp384r1", "1.3.132.0.34", 384, 48),
        P_521("p-521", "secp521r1", "secp521r1", "1.3.132.0.35", 521, 66),
        SECP256K1("secp256k1", "secp256k1", "secp256k1", "1.3.132.0.10", 256, 32);

        final String keyward;
        final String jca;
        final String openssl;
        final String oid;
        final int bits;
        final int fieldBytes;

        Curve(String keyward,
            String jca,
            String openssl,
            String oid,
            int bits,
            int fieldBytes) {
            this.keyward = keyward;
            this.jca = jca;
            this.openssl = openssl;
            this.oid = oid;
            this.bits = bits;
            this.fieldBytes = fieldBytes;
        }
    }

    /** A family of keys that share operations. */
    enum Family {
        RSA("rsa", "RSA", "1.2.840.113549.1.1.1",
            List.of(Scheme.RSA_PKCS1, Scheme.RSA_PSS, Scheme.RSA_RAW)),
        RSA_PSS("rsa-pss", "RSASSA-PSS", "1.2.840.113549.1.1.10",
            List.of(Scheme.RSA_PSS)),
        EC("ec", "EC", "1.2.840.10045.2.1",
            List.of(Scheme.ECDSA)),
        ED25519("ed25519", "EdDSA", "1.3.101.112",
            List.of(Scheme.ED25519, Scheme.ED25519PH)),
        X25519("x25519", "XDH", "1.3.101.110",
            List.of()),
        ML_DSA_44("ml-dsa-44", "ML-DSA-44", "2.16.840.1.101.3.4.3.17",
            List.of(Scheme.ML_DSA_44, Scheme.ML_DSA_44_MU)),
        ML_DSA_65("ml-dsa-65", "ML-DSA-65", "2.16.840.1.101.3.4.3.18",
            List.of(Scheme.ML_DSA_65, Scheme.ML_DSA_65_MU)),
        ML_DSA_87("ml-dsa-87", "ML-DSA-87", "2.16.840.1.101.3.4.3.19",
            List.of(Scheme.ML_DSA_87, Scheme.ML_DSA_87_MU)),
        ML_KEM_512("ml-kem-512", "ML-KEM-512", "2.16.840.1.101.3.4.4.1",
            List.of()),
        ML_KEM_768("ml-kem-768", "ML-KEM-768", "2.16.840.1.101.3.4.4.2",
            List.of()),
        ML_KEM_1024("ml-kem-1024", "ML-KEM-1024", "2.16.840.1.101.3.4.4.3",
            List.of());

        final String keyward;
        final String jca;
        final String oid;
        final List<Scheme> schemes;

        Family(String keyward,
            String jca,
            String oid,
            List<Scheme> schemes) {
            this.keyward = keyward;
            this.jca = jca;
            this.oid = oid;
            this.schemes = schemes;
        }
    }

    /** An RSA encryption padding; the name is empty where the JCA has none. */
    enum Encryption {
        RSA_PKCS1(1, "PKCS1Padding", KeyRight.DECRYPT),
        RSA_OAEP(2, "OAEPPadding", KeyRight.DECRYPT),
        RSA_TLS(3, "", KeyRight.DECRYPT),
        RSA_RAW(4, "NoPadding", KeyRight.RAW);

        final int code;
        final String jcaPadding;
        final KeyRight right;

        Encryption(int code,
            String jcaPadding,
            KeyRight right) {
            this.code = code;
            this.jcaPadding = jcaPadding;
            this.right = right;
        }
    }

    /** A key agreement; its names, the canonical one first. */
    enum Agreement {
        ECDH(List.of("ECDH"), Family.EC),
        X25519(List.of("XDH", "X25519"), Family.X25519);

        final List<String> jca;
        final Family family;

        Agreement(List<String> jca,
            Family family) {
            this.jca = jca;
            this.family = family;
        }
    }

    /** A parameter set of ML-KEM. */
    enum MlKem {
        ML_KEM_512(Family.ML_KEM_512, 768),
        ML_KEM_768(Family.ML_KEM_768, 1088),
        ML_KEM_1024(Family.ML_KEM_1024, 1568);

        final Family family;
        final int ciphertextBytes;

        MlKem(Family family,
            int ciphertextBytes) {
            this.family = family;
            this.ciphertextBytes = ciphertextBytes;
        }
    }

    /** A kind of secret keys. */
    enum SecretKind {
        AES("aes", "AES", 256),
        HMAC("hmac", "Hmac", 256);

        final String keyward;
        final String jca;
        final int defaultBits;

        SecretKind(String keyward,
            String jca,
            int defaultBits) {
            this.keyward = keyward;
            this.jca = jca;
            this.defaultBits = defaultBits;
        }
    }

    /** A way to encrypt with an AES key, by its transformation. */
    enum SymmetricCipher {
        AES_GCM(1, "AES/GCM/NoPadding", 12, true, false, false, true),
        AES_CBC_PAD(2, "AES/CBC/PKCS5Padding", 16, false, true, false, false),
        AES_CBC(3, "AES/CBC/NoPadding", 16, false, false, true, false),
        AES_CTR(4, "AES/CTR/NoPadding", 16, false, false, false, false),
        AES_ECB(5, "AES/ECB/NoPadding", 0, false, false, true, false),
        AES_ECB_PAD(6, "AES/ECB/PKCS5Padding", 0, false, true, false, false);

        final int code;
        final String jca;
        final int ivBytes;
        final boolean ownIv;
        final boolean padded;
        final boolean wholeBlocks;
        final boolean authenticated;

        SymmetricCipher(int code,
            String jca,
            int ivBytes,
            boolean ownIv,
            boolean padded,
            boolean wholeBlocks,
            boolean authenticated) {
            this.code = code;
            this.jca = jca;
            this.ivBytes = ivBytes;
            this.ownIv = ownIv;
            this.padded = padded;
            this.wholeBlocks = wholeBlocks;
            this.authenticated = authenticated;
        }
    }

    /** A message authentication code. */
    enum Mac {
        HMAC_SHA1(1, "HmacSHA1", SecretKind.HMAC, 20),
        HMAC_SHA224(2, "HmacSHA224", SecretKind.HMAC, 28),
        HMAC_SHA256(3, "HmacSHA256", SecretKind.HMAC, 32),
        HMAC_SHA384(4, "HmacSHA384", SecretKind.HMAC, 48),
        HMAC_SHA512(5, "HmacSHA512", SecretKind.HMAC, 64),
        AES_CMAC(6, "AESCMAC", SecretKind.AES, 16);

        final int code;
        final String jca;
        final SecretKind kind;
        final int size;

        Mac(int code,
            String jca,
            SecretKind kind,
            int size) {
            this.code = code;
            this.jca = jca;
            this.kind = kind;
            this.size = size;
        }
    }

    /** A way to encrypt a key with another; its transformations, the canonical one first. */
    enum Wrapping {
        AES_KW(1, List.of("AES/KW/NoPadding", "AESWrap/ECB/NoPadding"), false),
        AES_KWP(2, List.of("AES/KWP/NoPadding", "AESWrap/ECB/ZeroPadding"), false),
        AES_GCM(3, List.of("AES/GCM/NoPadding"), false),
        RSA_OAEP(4, List.of("RSA/ECB/OAEPPadding"), true),
        RSA_AES(5, List.of("RSAAESWrap/ECB/OAEPPadding"), true),
        AES_KW_PAD(6, List.of("AES/KW/PKCS5Padding", "AESWrap/ECB/PKCS5Padding"), false);

        final int code;
        final List<String> jca;
        final boolean byRsa;

        Wrapping(int code,
            List<String> jca,
            boolean byRsa) {
            this.code = code;
            this.jca = jca;
            this.byRsa = byRsa;
        }
    }

    /** A key derivation function. */
    enum Derivation {
        HKDF(1, "hkdf", true, false),
        KBKDF_HMAC(2, "kbkdf-hmac", false, false),
        X963(3, "x963", false, true);

        final int code;
        final String keyward;
        final boolean salted;
        final boolean agreementOnly;

        Derivation(int code,
            String keyward,
            boolean salted,
            boolean agreementOnly) {
            this.code = code;
            this.keyward = keyward;
            this.salted = salted;
            this.agreementOnly = agreementOnly;
        }
    }

    /** A key derivation with its digest; its names, the canonical one first. */
    record NamedDerivation(Derivation function, Digest digest, List<String> jca) {}

    /** Key agreements whose secret goes into a key derivation. */
    static final List<NamedDerivation> DERIVING_AGREEMENTS = List.of(
            new NamedDerivation(Derivation.X963, Digest.SHA1,
                List.of("ECDHwithX963SHA1KDF", "ECDHwithSHA1KDF")),
            new NamedDerivation(Derivation.X963, Digest.SHA224,
                List.of("ECDHwithX963SHA224KDF", "ECDHwithSHA224KDF")),
            new NamedDerivation(Derivation.X963, Digest.SHA256,
                List.of("ECDHwithX963SHA256KDF", "ECDHwithSHA256KDF")),
            new NamedDerivation(Derivation.X963, Digest.SHA384,
                List.of("ECDHwithX963SHA384KDF", "ECDHwithSHA384KDF")),
            new NamedDerivation(Derivation.X963, Digest.SHA512,
                List.of("ECDHwithX963SHA512KDF", "ECDHwithSHA512KDF")),
            new NamedDerivation(Derivation.X963, Digest.SHA512_256,
                List.of("ECDHwithX963SHA512/256KDF", "ECDHwithSHA512/256KDF")),
            new NamedDerivation(Derivation.X963, Digest.SHA3_256,
                List.of("ECDHwithX963SHA3-256KDF", "ECDHwithSHA3-256KDF")),
            new NamedDerivation(Derivation.X963, Digest.SHA3_384,
                List.of("ECDHwithX963SHA3-384KDF", "ECDHwithSHA3-384KDF")),
            new NamedDerivation(Derivation.X963, Digest.SHA3_512,
                List.of("ECDHwithX963SHA3-512KDF", "ECDHwithSHA3-512KDF")));

    /** Key derivations that the JCA's class KDF has names for. */
    static final List<NamedDerivation> KDFS = List.of(
            new NamedDerivation(Derivation.HKDF, Digest.SHA1,
                List.of("HKDF-SHA1")),
            new NamedDerivation(Derivation.HKDF, Digest.SHA224,
                List.of("HKDF-SHA224")),
            new NamedDerivation(Derivation.HKDF, Digest.SHA256,
                List.of("HKDF-SHA256")),
            new NamedDerivation(Derivation.HKDF, Digest.SHA384,
                List.of("HKDF-SHA384")),
            new NamedDerivation(Derivation.HKDF, Digest.SHA512,
                List.of("HKDF-SHA512")),
            new NamedDerivation(Derivation.HKDF, Digest.SHA512_256,
                List.of("HKDF-SHA512/256")),
            new NamedDerivation(Derivation.HKDF, Digest.SHA3_256,
                List.of("HKDF-SHA3-256")),
            new NamedDerivation(Derivation.HKDF, Digest.SHA3_384,
                List.of("HKDF-SHA3-384")),
            new NamedDerivation(Derivation.HKDF, Digest.SHA3_512,
                List.of("HKDF-SHA3-512")));

    /** A signature algorithm; its names, the canonical one first; no digest, no OID: null. */
    record SignatureAlgorithm(Scheme scheme, Digest digest, List<String> jca, String oid) {}

    /** Every signature algorithm that the JCA has a name for. */
    static final List<SignatureAlgorithm> SIGNATURES = List.of(
            new SignatureAlgorithm(Scheme.RSA_PKCS1, Digest.SHA256,
                List.of("SHA256withRSA"), "1.2.840.113549.1.1.11"),
            new SignatureAlgorithm(Scheme.RSA_PKCS1, Digest.SHA384,
                List.of("SHA384withRSA"), "1.2.840.113549.1.1.12"),
            new SignatureAlgorithm(Scheme.RSA_PKCS1, Digest.SHA512,
                List.of("SHA512withRSA"), "1.2.840.113549.1.1.13"),
            new SignatureAlgorithm(Scheme.RSA_PKCS1, Digest.SHA224,
                List.of("SHA224withRSA"), "1.2.840.113549.1.1.14"),
            new SignatureAlgorithm(Scheme.RSA_PKCS1, Digest.SHA512_256,
                List.of("SHA512/256withRSA"), "1.2.840.113549.1.1.16"),
            new SignatureAlgorithm(Scheme.RSA_PKCS1, Digest.SHA3_256,
                List.of("SHA3-256withRSA"), "2.16.840.1.101.3.4.3.14"),
            new SignatureAlgorithm(Scheme.RSA_PKCS1, Digest.SHA3_384,
                List.of("SHA3-384withRSA"), "2.16.840.1.101.3.4.3.15"),
            new SignatureAlgorithm(Scheme.RSA_PKCS1, Digest.SHA3_512,
                List.of("SHA3-512withRSA"), "2.16.840.1.101.3.4.3.16"),
            new SignatureAlgorithm(Scheme.RSA_PKCS1, Digest.SHA1,
                List.of("SHA1withRSA"), "1.2.840.113549.1.1.5"),
            new SignatureAlgorithm(Scheme.RSA_PKCS1, null,
                List.of("NONEwithRSA"), null),
            new SignatureAlgorithm(Scheme.RSA_PSS, Digest.SHA256,
                List.of("SHA256withRSAandMGF1", "SHA256withRSA/PSS"), "1.2.840.113549.1.1.10"),
            new SignatureAlgorithm(Scheme.RSA_PSS, Digest.SHA384,
                List.of("SHA384withRSAandMGF1", "SHA384withRSA/PSS"), "1.2.840.113549.1.1.10"),
            new SignatureAlgorithm(Scheme.RSA_PSS, Digest.SHA512,
                List.of("SHA512withRSAandMGF1", "SHA512withRSA/PSS"), "1.2.840.113549.1.1.10"),
            new SignatureAlgorithm(Scheme.RSA_PSS, Digest.SHA224,
                List.of("SHA224withRSAandMGF1", "SHA224withRSA/PSS"), "1.2.840.113549.1.1.10"),
            new SignatureAlgorithm(Scheme.RSA_PSS, Digest.SHA512_256,
                List.of("SHA512/256withRSAandMGF1"), "1.2.840.113549.1.1.10"),
            new SignatureAlgorithm(Scheme.RSA_PSS, Digest.SHA3_256,
                List.of("SHA3-256withRSAandMGF1"), "1.2.840.113549.1.1.10"),
            new SignatureAlgorithm(Scheme.RSA_PSS, Digest.SHA3_384,
                List.of("SHA3-384withRSAandMGF1"), "1.2.840.113549.1.1.10"),
            new SignatureAlgorithm(Scheme.RSA_PSS, Digest.SHA3_512,
                List.of("SHA3-512withRSAandMGF1"), "1.2.840.113549.1.1.10"),
            new SignatureAlgorithm(Scheme.RSA_PSS, Digest.SHA1,
                List.of("SHA1withRSAandMGF1", "SHA1withRSA/PSS"), "1.2.840.113549.1.1.10"),
            new SignatureAlgorithm(Scheme.ECDSA, Digest.SHA256,
                List.of("SHA256withECDSA"), "1.2.840.10045.4.3.2"),
            new SignatureAlgorithm(Scheme.ECDSA, Digest.SHA384,
                List.of("SHA384withECDSA"), "1.2.840.10045.4.3.3"),
            new SignatureAlgorithm(Scheme.ECDSA, Digest.SHA512,
                List.of("SHA512withECDSA"), "1.2.840.10045.4.3.4"),
            new SignatureAlgorithm(Scheme.ECDSA, Digest.SHA224,
                List.of("SHA224withECDSA"), "1.2.840.10045.4.3.1"),
            new SignatureAlgorithm(Scheme.ECDSA, Digest.SHA3_256,
                List.of("SHA3-256withECDSA"), "2.16.840.1.101.3.4.3.10"),
            new SignatureAlgorithm(Scheme.ECDSA, Digest.SHA3_384,
                List.of("SHA3-384withECDSA"), "2.16.840.1.101.3.4.3.11"),
            new SignatureAlgorithm(Scheme.ECDSA, Digest.SHA3_512,
                List.of("SHA3-512withECDSA"), "2.16.840.1.101.3.4.3.12"),
            new SignatureAlgorithm(Scheme.ECDSA, Digest.SHA1,
                List.of("SHA1withECDSA"), "1.2.840.10045.4.1"),
            new SignatureAlgorithm(Scheme.ECDSA, null,
                List.of("NONEwithECDSA"), null),
            new SignatureAlgorithm(Scheme.ED25519, null,
                List.of("Ed25519", "EdDSA"), "1.3.101.112"),
            new SignatureAlgorithm(Scheme.ED25519PH, Digest.SHA512,
                List.of("Ed25519ph"), null),
            new SignatureAlgorithm(Scheme.ML_DSA_44, null,
                List.of("ML-DSA-44"), "2.16.840.1.101.3.4.3.17"),
            new SignatureAlgorithm(Scheme.ML_DSA_65, null,
                List.of("ML-DSA-65"), "2.16.840.1.101.3.4.3.18"),
            new SignatureAlgorithm(Scheme.ML_DSA_87, null,
                List.of("ML-DSA-87"), "2.16.840.1.101.3.4.3.19"));

    private AlgorithmTable() {}
}
