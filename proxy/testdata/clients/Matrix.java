import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Exit;

/**
 * Drives Java's own client and Kafka's command-line tools through gates, all in one virtual machine, and prints one JSON line a
 * step. Standard input: a valid and an invalid event, a line each. Arguments: for each gate its bootstrap address, a topic that
 * has a promise, and one that has none; events that the groups are to read stand after a colon of the topic.
 */
public class Matrix {
    static final PrintStream OUT = System.out;
    static String good, bad, bootstrap, topic, free;

    public static void main(String[] args) throws Exception {
        String[] lines = new String(System.in.readAllBytes(), StandardCharsets.UTF_8).split("\n");
        good = lines[0];
        bad = lines[1];
        Exit.setExitProcedure((status, message) -> { throw new Ended(status); });
        for (int i = 0; i + 2 < args.length; i += 3) {
            bootstrap = args[i];
            topic = args[i + 1];
            free = args[i + 2];
            client();
            tools();
        }
        System.exit(0);
    }

    /** Ended is what a tool throws instead of ending the virtual machine. */
    static class Ended extends RuntimeException {
        Ended(int status) { super("exit status " + status); }
    }

    static void say(String step, String... pairs) {
        StringBuilder b = new StringBuilder("{\"gate\":" + quote(bootstrap) + ",\"step\":" + quote(step));
        for (int i = 0; i < pairs.length; i += 2) b.append(",").append(quote(pairs[i])).append(":").append(quote(pairs[i + 1]));
        OUT.println(b.append("}"));
        OUT.flush();
    }

    static String quote(String s) {
        StringBuilder b = new StringBuilder("\"");
        for (char c : String.valueOf(s).toCharArray()) {
            if (c == '"' || c == '\\') b.append('\\').append(c);
            else if (c < ' ') b.append(String.format("\\u%04x", (int) c));
            else b.append(c);
        }
        return b.append('"').toString();
    }

    static Map<String, Object> with(Object... pairs) {
        Map<String, Object> m = new HashMap<>();
        m.put("bootstrap.servers", bootstrap);
        for (int i = 0; i < pairs.length; i += 2) m.put((String) pairs[i], pairs[i + 1]);
        return m;
    }

    static KafkaProducer<String, String> producer(Object... pairs) {
        return new KafkaProducer<>(with(pairs), new StringSerializer(), new StringSerializer());
    }

    /** send sends values as one batch and tells what became of each. */
    static String send(KafkaProducer<String, String> p, String... values) throws Exception {
        List<Future<RecordMetadata>> all = new ArrayList<>();
        for (String v : values) all.add(p.send(new ProducerRecord<>(topic, 0, "k", v)));
        p.flush();
        List<String> told = new ArrayList<>();
        for (Future<RecordMetadata> f : all) {
            try {
                f.get();
                told.add("ok");
            } catch (Exception e) {
                told.add(e.getCause().getClass().getSimpleName() + " " + e.getCause().getMessage());
            }
        }
        return String.join(" | ", told);
    }

    static void client() throws Exception {
        try (KafkaProducer<String, String> p = producer("linger.ms", 100, "compression.type", "zstd")) {
            say("accept", "told", send(p, good, good));
            say("refuse", "told", send(p, bad));
            say("neighbours", "told", send(p, good, bad, good));
            say("after", "told", send(p, good));
        }
        try (KafkaProducer<String, String> p = producer("transactional.id", topic + "-java")) {
            p.initTransactions();
            p.beginTransaction();
            String told = send(p, bad);
            boolean committed = true;
            try {
                p.commitTransaction();
            } catch (ProducerFencedException e) {
                throw e;
            } catch (Exception e) {
                committed = false;
                p.abortTransaction();
            }
            say("poisoned", "told", told, "committed", "" + committed);
            p.beginTransaction();
            told = send(p, good);
            p.commitTransaction();
            say("transaction", "told", told);
        }
        for (String protocol : new String[] {"classic", "consumer"}) {
            int count = 0, wrong = 0;
            try (KafkaConsumer<String, String> c = new KafkaConsumer<>(
                    with("group.id", topic + "-" + protocol, "group.protocol", protocol, "auto.offset.reset", "earliest", "isolation.level", "read_committed", "enable.auto.commit", false),
                    new StringDeserializer(), new StringDeserializer())) {
                c.subscribe(List.of(topic));
                for (long end = System.currentTimeMillis() + 30_000; count < 4 && System.currentTimeMillis() < end; ) {
                    for (ConsumerRecord<String, String> r : c.poll(Duration.ofMillis(500))) {
                        count++;
                        if (!r.value().equals(good)) wrong++;
                    }
                }
                c.commitSync();
            }
            say("group " + protocol, "count", "" + count, "bad", "" + wrong);
        }
    }

    interface Main { void run(String[] args) throws Exception; }

    /** tool runs a command-line tool and tells what it printed, and how it ended. */
    static void tool(String name, String input, Main main, String... args) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PrintStream print = new PrintStream(out, true), was = System.out, errWas = System.err;
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        System.setOut(print);
        System.setErr(print);
        String end = "returned";
        try {
            main.run(args);
        } catch (Throwable e) {
            end = String.valueOf(e.getMessage());
        } finally {
            System.setOut(was);
            System.setErr(errWas);
        }
        String text = out.toString(StandardCharsets.UTF_8);
        say(name, "end", end, "text", text.length() > 20_000 ? text.substring(0, 20_000) : text);
    }

    static void tools() throws Exception {
        tool("console-producer", good + "\n" + bad + "\n", org.apache.kafka.tools.ConsoleProducer::main,
                "--bootstrap-server", bootstrap, "--topic", topic, "--sync");
        tool("console-consumer", "", org.apache.kafka.tools.consumer.ConsoleConsumer::main,
                "--bootstrap-server", bootstrap, "--topic", topic, "--from-beginning", "--max-messages", "5", "--timeout-ms", "20000",
                "--isolation-level", "read_committed", "--group", topic + "-console");
        Path payload = Files.createTempFile("events", ".json");
        Files.writeString(payload, good + "\n");
        tool("producer-perf-test", "", org.apache.kafka.tools.ProducerPerformance::main,
                "--topic", topic, "--num-records", "500", "--throughput", "-1", "--payload-file", payload.toString(),
                "--producer-props", "bootstrap.servers=" + bootstrap);
        Files.delete(payload);
        // This one goes on in the background, and ends with the virtual machine: nothing catches what it prints, and its lines tell their topic.
        org.apache.kafka.tools.VerifiableProducer.main(new String[] {"--bootstrap-server", bootstrap, "--topic", free, "--max-messages", "20"});
        org.apache.kafka.tools.VerifiableProducer.main(new String[] {"--bootstrap-server", bootstrap, "--topic", topic, "--max-messages", "3"});
    }
}
