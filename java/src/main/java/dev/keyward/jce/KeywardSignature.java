package dev.keyward.jce;

import java.security.AlgorithmParameters;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.InvalidParameterException;
import java.security.NoSuchAlgorithmException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.SignatureSpi;
import java.security.interfaces.RSAKey;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.EdDSAParameterSpec;
import java.util.List;

/**
 * Signatures with keys of the service. The message is hashed here, and {@code sign} is one request.
 * After it, whatever its result, the object is as after {@code initSign}.
 *
 * <p>What needs no private key of the service is handed to the JDK's providers: verification, and
 * RSASSA-PSS with a foreign key, since {@code setParameter} before {@code initSign} makes the JDK
 * choose the first provider before it has seen the key.
 */
final class KeywardSignature extends SignatureSpi {
    private final Shape shape;
    private AlgorithmTable.Scheme scheme;
    private MessageInput input;
    private PssParameters pss;
    private MlDsaVariant variant = MlDsaVariant.HEDGED;
    private boolean started;
    private ServiceKey key;
    private Signature delegate;

    /**
     * One service of the provider.
     *
     * @param name the JDK's name for the same, to hand verification to
     * @param parameters those by which the JDK means the same; or null
     * @param schemes how it signs; of several the one that the key has
     * @param digest what it hashes with; null for none, and for RSASSA-PSS, where parameters say
     * @param p1363 the ECDSA signature's form is that of IEEE P1363
     */
    record Shape(String name, AlgorithmParameterSpec parameters, List<AlgorithmTable.Scheme> schemes, AlgorithmTable.Digest digest,
        boolean p1363) {}

    KeywardSignature(Shape shape) {
        this.shape = shape;
        scheme = shape.schemes().get(0);
        if (scheme != AlgorithmTable.Scheme.RSA_PSS) {
            input = shape.digest() == null
                ? MessageInput.collecting() : MessageInput.digesting(shape.digest());
        } else if (shape.digest() != null) {
            use(PssParameters.of(shape.digest()));
        }
    }

    @Override
    protected void engineInitSign(PrivateKey privateKey) throws InvalidKeyException {
        if (privateKey instanceof ServiceKey serviceKey) {
            List<AlgorithmTable.Scheme> schemes = serviceKey.info().family().schemes;
            AlgorithmTable.Scheme fitting = shape.schemes().stream().filter(schemes::contains)
                .findFirst().orElseThrow(() -> new InvalidKeyException("a key of type "
                    + serviceKey.info().type() + " does not sign with " + shape.name()));
            serviceKey.demand(fitting.right);
            checkFit(serviceKey, pss, InvalidKeyException::new);
            scheme = fitting;
            key = serviceKey;
            delegate = null;
            hashMessage();
            reset();
        } else if (pss != null && privateKey != null) {
            delegate(signature -> signature.initSign(privateKey, appRandom));
        } else {
            throw new InvalidKeyException("the provider Keyward signs with keys of the KeyStore"
                + " \"Keyward\" only; name no provider to use other keys");
        }
    }

    /** ML-DSA's digest takes the key, and not everywhere can it be made. */
    private void hashMessage() {
        if (!MlDsaMu.isMlDsa(scheme) || !scheme.takesMessage) {
            return;
        }
        MessageInput mu = MlDsaMu.input(key.info());
        if (mu != null) {
            scheme = MlDsaMu.over(scheme);
        }
        input = mu != null ? mu : MessageInput.collecting();
    }

    @Override
    protected void engineInitVerify(PublicKey publicKey) throws InvalidKeyException {
        delegate(signature -> signature.initVerify(publicKey));
    }

    @Override
    protected void engineUpdate(byte b) throws SignatureException {
        engineUpdate(new byte[] {b}, 0, 1);
    }

    @Override
    protected void engineUpdate(byte[] bytes, int offset, int length) throws SignatureException {
        if (delegate != null) {
            delegate.update(bytes, offset, length);
        } else {
            ready().update(bytes, offset, length);
            started = true;
        }
    }

    @Override
    protected byte[] engineSign() throws SignatureException {
        if (delegate != null) {
            return delegate.sign();
        }
        started = false;
        byte[] signature;
        try {
            signature = key.client().sign(key.info(), scheme, digest(), pss,
                variant == MlDsaVariant.DETERMINISTIC, ready().finish());
        } catch (KeywardException failure) {
            throw Failures.signature(failure);
        }
        return shape.p1363() ? EcdsaFormat.p1363(signature, fieldBytes()) : signature;
    }

    @Override
    protected boolean engineVerify(byte[] signature) throws SignatureException {
        return delegate.verify(signature);
    }

    @Override
    protected void engineSetParameter(AlgorithmParameterSpec spec)
            throws InvalidAlgorithmParameterException {
        if (scheme != AlgorithmTable.Scheme.RSA_PSS) {
            setOtherParameter(spec);
            return;
        }
        PssParameters wanted = PssParameters.of(spec);
        if (shape.digest() != null && shape.digest() != wanted.digest()) {
            throw new InvalidAlgorithmParameterException(
                "this algorithm's digest is " + shape.digest().jca);
        }
        checkNotStarted();
        checkFit(key, wanted, InvalidAlgorithmParameterException::new);
        use(wanted);
        if (delegate != null) {
            delegate.setParameter(spec);
        }
    }

    /** Of what is not RSASSA-PSS, none has parameters that a signature's reader must know. */
    private void setOtherParameter(AlgorithmParameterSpec spec)
            throws InvalidAlgorithmParameterException {
        if (spec instanceof MlDsaVariant wanted && MlDsaMu.isMlDsa(scheme)) {
            checkNotStarted();
            variant = wanted;
        } else if (spec != null && !isOwnEdDsa(spec)) {
            throw new InvalidAlgorithmParameterException(shape.name() + " takes no "
                + spec.getClass().getSimpleName());
        }
    }

    /** What a caller gives who says that he wants no other variant of EdDSA than this one. */
    private boolean isOwnEdDsa(AlgorithmParameterSpec spec) {
        boolean prehash = scheme == AlgorithmTable.Scheme.ED25519PH;
        return (prehash || scheme == AlgorithmTable.Scheme.ED25519)
            && spec instanceof EdDSAParameterSpec given && given.isPrehash() == prehash
            && given.getContext().isEmpty();
    }

    private void checkNotStarted() throws InvalidAlgorithmParameterException {
        if (started) {
            throw new InvalidAlgorithmParameterException(
                "the parameters cannot change after a part of the message was taken");
        }
    }

    @Override
    protected AlgorithmParameters engineGetParameters() {
        return pss == null ? null : pss.encodable();
    }

    @Override
    @Deprecated
    protected void engineSetParameter(String name, Object value) {
        throw new InvalidParameterException("use setParameter(AlgorithmParameterSpec)");
    }

    @Override
    @Deprecated
    protected Object engineGetParameter(String name) {
        throw new InvalidParameterException("use getParameters()");
    }

    private void use(PssParameters parameters) {
        if (pss == null || pss.digest() != parameters.digest()) {
            input = MessageInput.digesting(parameters.digest());
        }
        pss = parameters;
    }

    private MessageInput ready() throws SignatureException {
        if (input == null) {
            throw new SignatureException(
                "RSASSA-PSS has no default: call setParameter(PSSParameterSpec) first");
        }
        return input;
    }

    private void reset() {
        started = false;
        if (input != null) {
            input.reset();
        }
    }

    private AlgorithmTable.Digest digest() {
        return pss != null ? pss.digest() : shape.digest();
    }

    private int fieldBytes() {
        for (AlgorithmTable.Curve curve : AlgorithmTable.Curve.values()) {
            if (curve.keyward.equals(key.info().type())) {
                return curve.fieldBytes;
            }
        }
        throw new AssertionError(key.info().type());
    }

    private static <X extends Exception> void checkFit(ServiceKey key, PssParameters pss,
            java.util.function.Function<String, X> refusal) throws X {
        if (pss != null && key instanceof RSAKey rsa
                && !pss.fits(rsa.getModulus().bitLength())) {
            throw refusal.apply("the key is too short for " + pss.digest().jca + " with a salt of "
                + pss.saltBytes() + " bytes");
        }
    }

    private interface Init {
        void on(Signature signature) throws InvalidKeyException;
    }

    /** Begins with another provider: our services refuse foreign keys, so the JDK finds one. */
    private void delegate(Init init) throws InvalidKeyException {
        try {
            Signature signature = Signature.getInstance(shape.name());
            init.on(signature);
            AlgorithmParameterSpec parameters = pss != null ? pss.spec() : shape.parameters();
            if (parameters != null) {
                signature.setParameter(parameters);
            }
            delegate = signature;
            key = null;
            reset();
        } catch (NoSuchAlgorithmException | InvalidAlgorithmParameterException failure) {
            throw new InvalidKeyException("no other provider has " + shape.name(), failure);
        }
    }
}
