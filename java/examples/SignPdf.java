import dev.keyward.jce.KeywardProvider;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.Calendar;
import java.util.List;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.PDPage;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.PDSignature;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cms.CMSException;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * Signs a PDF file with Apache PDFBox and a key in the Keyward service; where there is no file, an
 * empty page is made. It needs org.apache.pdfbox:pdfbox and org.bouncycastle:bcpkix-jdk18on.
 *
 * <pre>SignPdf ALIAS ALGORITHM INPUT OUTPUT</pre>
 */
public class SignPdf {
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new KeywardProvider());
        KeyStore keys = KeyStore.getInstance("Keyward");
        keys.load(null, null);
        PrivateKey key = (PrivateKey) keys.getKey(arguments[0], null);
        Certificate[] chain = keys.getCertificateChain(arguments[0]);

        Path input = Path.of(arguments[2]);
        if (Files.notExists(input)) {
            try (PDDocument empty = new PDDocument()) {
                empty.addPage(new PDPage());
                empty.save(input.toFile());
            }
        }
        PDSignature signature = new PDSignature();
        signature.setFilter(PDSignature.FILTER_ADOBE_PPKLITE);
        signature.setSubFilter(PDSignature.SUBFILTER_ADBE_PKCS7_DETACHED);
        signature.setName("Keyward example");
        signature.setSignDate(Calendar.getInstance());
        try (PDDocument document = org.apache.pdfbox.Loader.loadPDF(input.toFile());
                OutputStream output = Files.newOutputStream(Path.of(arguments[3]))) {
            document.addSignature(signature, content -> {
                try {
                    return cms(key, arguments[1], chain, content.readAllBytes());
                } catch (GeneralSecurityException | CMSException
                        | OperatorCreationException failure) {
                    throw new IOException(failure);
                }
            });
            document.saveIncremental(output);
        }
    }

    private static byte[] cms(PrivateKey key, String algorithm, Certificate[] chain,
            byte[] content) throws GeneralSecurityException, CMSException, IOException,
            OperatorCreationException {
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        generator.addSignerInfoGenerator(new JcaSignerInfoGeneratorBuilder(
            new JcaDigestCalculatorProviderBuilder().build())
            .build(new JcaContentSignerBuilder(algorithm).build(key), (X509Certificate) chain[0]));
        generator.addCertificates(new JcaCertStore(List.of(chain)));
        return generator.generate(new CMSProcessableByteArray(content), false).getEncoded();
    }
}
