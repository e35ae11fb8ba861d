package rig;

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.SaslConfigs;
import org.apache.kafka.common.security.JaasContext;

/**
 * What a Kafka client sees in a properties file: Java's own reader of such files, and Kafka's own of
 * the jaas line in it. For tests that compare our readers and our writer with them.
 *
 * <p>One process for many files: on stdin a file's bytes a line, in base64; on stdout one line for
 * each, words with blanks between:
 *
 * <pre>
 * refused                          Java takes it for no properties file
 * read KEY=VALUE ...               its entries; then, when there is a sasl.jaas.config,
 *      ... jaas MODULE FLAG NAME=VALUE ...     what Kafka sees in it, or
 *      ... jaas-refused
 * </pre>
 *
 * Each text is `.` and the base64, without padding, of its UTF-16 (big endian), so that no text is
 * too strange for it; a name that is null is `-`.
 */
public final class Judge {
    private Judge() {}

    /** Answers until stdin ends. */
    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.US_ASCII);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(answer(Base64.getDecoder().decode(line)));
        }
    }

    private static String answer(byte[] file) throws Exception {
        Properties properties = new Properties();
        try {
            // As Kafka's Utils.loadProps does it: a stream of bytes, which is read as Latin-1.
            properties.load(new ByteArrayInputStream(file));
        } catch (IllegalArgumentException e) {
            return "refused";
        }
        StringBuilder words = new StringBuilder("read");
        Map<String, String> sorted = new TreeMap<>();
        properties.forEach((key, value) -> sorted.put((String) key, (String) value));
        sorted.forEach((key, value) -> pair(words, key, value));
        String line = properties.getProperty(SaslConfigs.SASL_JAAS_CONFIG);
        if (line != null) jaas(words, line);
        return words.toString();
    }

    private static void jaas(StringBuilder words, String line) {
        Object password = ConfigDef.parseType(SaslConfigs.SASL_JAAS_CONFIG, line, ConfigDef.Type.PASSWORD);
        AppConfigurationEntry entry;
        try {
            entry = JaasContext.loadClientContext(Map.of(SaslConfigs.SASL_JAAS_CONFIG, password))
                    .configurationEntries().get(0);
        } catch (IllegalArgumentException e) {
            words.append(" jaas-refused");
            return;
        }
        words.append(" jaas ").append(text(entry.getLoginModuleName()));
        // `LoginModuleControlFlag: required`
        words.append(' ').append(text(entry.getControlFlag().toString().split(": ")[1]));
        entry.getOptions().forEach((name, value) -> pair(words, name, (String) value));
    }

    private static void pair(StringBuilder words, String name, String value) {
        words.append(' ').append(text(name)).append('=').append(text(value));
    }

    private static String text(String text) {
        if (text == null) return "-";
        byte[] bytes = new byte[2 * text.length()];
        for (int i = 0; i < text.length(); i++) {
            bytes[2 * i] = (byte) (text.charAt(i) >> 8);
            bytes[2 * i + 1] = (byte) text.charAt(i);
        }
        return "." + Base64.getEncoder().withoutPadding().encodeToString(bytes);
    }
}
