import dev.keyward.jce.KeywardProvider;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.util.List;
import javax.xml.crypto.dsig.CanonicalizationMethod;
import javax.xml.crypto.dsig.DigestMethod;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.SignedInfo;
import javax.xml.crypto.dsig.Transform;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMSignContext;
import javax.xml.crypto.dsig.keyinfo.KeyInfo;
import javax.xml.crypto.dsig.keyinfo.KeyInfoFactory;
import javax.xml.crypto.dsig.spec.C14NMethodParameterSpec;
import javax.xml.crypto.dsig.spec.SignatureMethodParameterSpec;
import javax.xml.crypto.dsig.spec.TransformParameterSpec;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;

/**
 * Puts an enveloped XML signature into a document, with Java's own XMLDSig and a key in the Keyward
 * service.
 *
 * <pre>SignXml ALIAS METHOD INPUT OUTPUT</pre>
 * {@code METHOD} is a URI such as http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256.
 */
public class SignXml {
    /** Names the provider to XMLDSig, which chooses one before it has seen the key. */
    private static final String PROVIDER = "org.jcp.xml.dsig.internal.dom.SignatureProvider";

    public static void main(String[] arguments) throws Exception {
        Provider keyward = new KeywardProvider();
        KeyStore keys = KeyStore.getInstance("Keyward", keyward);
        keys.load(null, null);
        PrivateKey key = (PrivateKey) keys.getKey(arguments[0], null);

        DocumentBuilderFactory documents = DocumentBuilderFactory.newInstance();
        documents.setNamespaceAware(true);
        Document document = documents.newDocumentBuilder().parse(Path.of(arguments[2]).toFile());

        XMLSignatureFactory factory = XMLSignatureFactory.getInstance("DOM");
        Reference whole = factory.newReference("",
            factory.newDigestMethod(DigestMethod.SHA256, null),
            List.of(factory.newTransform(Transform.ENVELOPED, (TransformParameterSpec) null)),
            null, null);
        SignedInfo info = factory.newSignedInfo(
            factory.newCanonicalizationMethod(CanonicalizationMethod.EXCLUSIVE,
                (C14NMethodParameterSpec) null),
            factory.newSignatureMethod(arguments[1], (SignatureMethodParameterSpec) null),
            List.of(whole));
        KeyInfoFactory infos = factory.getKeyInfoFactory();
        KeyInfo certificates = infos.newKeyInfo(List.of(
            infos.newX509Data(List.of(keys.getCertificateChain(arguments[0])))));

        DOMSignContext context = new DOMSignContext(key, document.getDocumentElement());
        context.setProperty(PROVIDER, keyward);
        factory.newXMLSignature(info, certificates).sign(context);
        try (OutputStream output = Files.newOutputStream(Path.of(arguments[3]))) {
            TransformerFactory.newInstance().newTransformer()
                .transform(new DOMSource(document), new StreamResult(output));
        }
    }
}
