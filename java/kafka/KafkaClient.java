import dev.keyward.jce.KeywardProvider;
import java.security.Security;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Sends a record to Apache Kafka and reads it back, over TLS with a client certificate whose key is
 * in the Keyward service. It needs org.apache.kafka:kafka-clients. A broker takes the same settings
 * in its {@code server.properties}. Kafka insists on a file and on a password, so it gets a key store
 * file, and a word that means nothing.
 *
 * <pre>KafkaClient HOST:PORT TOPIC KEY_STORE_FILE TRUSTED.pem</pre>
 */
public class KafkaClient {
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new KeywardProvider());
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("security.protocol", "SSL");
        settings.put("ssl.keystore.type", "Keyward");
        settings.put("ssl.keystore.location", arguments[2]);
        settings.put("ssl.keystore.password", "unused");
        settings.put("ssl.truststore.type", "PEM");
        settings.put("ssl.truststore.location", arguments[3]);
        settings.put("group.id", "examples");
        settings.put("auto.offset.reset", "earliest");

        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>(arguments[1], "greeting", "hello")).get();
        }
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings,
                new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(arguments[1]));
            for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMinutes(1))) {
                System.out.println("read " + record.key() + ": " + record.value());
            }
        }
    }
}
