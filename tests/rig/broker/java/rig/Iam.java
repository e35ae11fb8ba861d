package rig;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.Provider;
import java.security.Security;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.Subject;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.CallbackHandler;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import javax.security.auth.spi.LoginModule;
import javax.security.sasl.SaslException;
import javax.security.sasl.SaslServer;
import javax.security.sasl.SaslServerFactory;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;

/**
 * The broker's side of AWS_MSK_IAM, so that a real Kafka broker can be asked by AWS's own client.
 *
 * <p>Kafka's SaslServerAuthenticator takes any mechanism for which Java's security providers have a
 * SaslServer. The parts, in the order in which the broker meets them: {@link Login} (its class name
 * stands in sasl.jaas.config) registers {@link Mechanisms}; {@link Known} reads the options of that
 * line; {@link Factory} makes one {@link Server} a connection.
 *
 * <p>Options: host (the broker's name that must have been signed), region, and for each access key
 * secret_KEY; for temporary ones token_KEY; and refusal_KEY for one that signs rightly and is refused
 * all the same, with that text: MSK says so when a permission is missing, or too many connect.
 */
public final class Iam {
    static final String MECHANISM = "AWS_MSK_IAM";
    private static final String WIRE_VERSION = "2020_10_22";
    private static final Duration MAX_SKEW = Duration.ofMinutes(5);
    private static final long MAX_EXPIRES = 900;
    private static final DateTimeFormatter AMZ_DATE =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

    private Iam() {}

    /** Accepts the broker's own login (there is nothing to log in to) and registers the mechanism. */
    public static final class Login implements LoginModule {
        static {
            Security.addProvider(new Mechanisms());
        }

        @Override
        public void initialize(Subject subject, CallbackHandler handler, Map<String, ?> shared, Map<String, ?> options) {}

        @Override
        public boolean login() {
            return true;
        }

        @Override
        public boolean commit() {
            return true;
        }

        @Override
        public boolean abort() {
            return false;
        }

        @Override
        public boolean logout() {
            return true;
        }
    }

    /** Tells Java that the mechanism exists. */
    public static final class Mechanisms extends Provider {
        private static final long serialVersionUID = 1;

        Mechanisms() {
            super("TrueupRigIam", "1", "AWS_MSK_IAM for a broker in a test rig");
            put("SaslServerFactory." + MECHANISM, Factory.class.getName());
        }
    }

    /** Asks for the options of the JAAS line. */
    static final class Ask implements Callback {
        Map<String, ?> options = Map.of();
    }

    /** The one way in which Kafka hands the options of a JAAS line to a SaslServer. */
    public static final class Known implements AuthenticateCallbackHandler {
        private Map<String, ?> options = Map.of();

        @Override
        public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> jaas) {
            options = jaas.get(0).getOptions();
        }

        @Override
        public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
            for (Callback callback : callbacks) {
                if (!(callback instanceof Ask ask)) throw new UnsupportedCallbackException(callback);
                ask.options = options;
            }
        }

        @Override
        public void close() {}
    }

    /** Makes a {@link Server} a connection. */
    public static final class Factory implements SaslServerFactory {
        @Override
        public SaslServer createSaslServer(
                String mechanism, String protocol, String name, Map<String, ?> props, CallbackHandler handler)
                throws SaslException {
            Ask ask = new Ask();
            try {
                handler.handle(new Callback[] {ask});
            } catch (Exception e) {
                throw new SaslException("sasl.server.callback.handler.class is not " + Known.class.getName(), e);
            }
            return new Server(ask.options);
        }

        @Override
        public String[] getMechanismNames(Map<String, ?> props) {
            return new String[] {MECHANISM};
        }
    }

    /** One exchange: a JSON object in, an answer or a refusal out. */
    static final class Server implements SaslServer {
        private static final ObjectMapper JSON = new ObjectMapper();
        private final Map<String, ?> options;
        private String accessKey;

        Server(Map<String, ?> options) {
            this.options = options;
        }

        @Override
        public byte[] evaluateResponse(byte[] response) {
            String request = UUID.randomUUID().toString();
            try {
                accessKey = check(JSON.readTree(response), options, Instant.now());
                return JSON.writeValueAsBytes(
                        new TreeMap<>(Map.of("version", WIRE_VERSION, "request-id", request)));
            } catch (Refusal e) {
                System.err.println("AWS_MSK_IAM refused [" + request + "]: as asked, " + e.getMessage());
                throw new SaslAuthenticationException("[" + request + "]: " + e.getMessage());
            } catch (Exception e) {
                // The client learns as little as from MSK; the reason is for whoever debugs a test.
                System.err.println("AWS_MSK_IAM refused [" + request + "]: " + e.getMessage());
                throw new SaslAuthenticationException("[" + request + "]: Access denied");
            }
        }

        @Override
        public String getMechanismName() {
            return MECHANISM;
        }

        @Override
        public boolean isComplete() {
            return accessKey != null;
        }

        @Override
        public String getAuthorizationID() {
            if (accessKey == null) throw new IllegalStateException("not authenticated");
            return accessKey;
        }

        @Override
        public byte[] unwrap(byte[] incoming, int offset, int length) {
            throw new IllegalStateException("no security layer");
        }

        @Override
        public byte[] wrap(byte[] outgoing, int offset, int length) {
            throw new IllegalStateException("no security layer");
        }

        @Override
        public Object getNegotiatedProperty(String name) {
            return null;
        }

        @Override
        public void dispose() {}
    }

    /** What a rightly signed request is refused with. */
    private static final class Refusal extends Exception {
        private static final long serialVersionUID = 1;

        Refusal(String text) {
            super(text);
        }
    }

    /** The access key of a payload that is right in every part; an exception that says what is not. */
    static String check(JsonNode payload, Map<String, ?> options, Instant now) throws Exception {
        String host = option(options, "host");
        String region = option(options, "region");
        equal("version", WIRE_VERSION, text(payload, "version"));
        equal("host", host, text(payload, "host"));
        equal("action", "kafka-cluster:Connect", text(payload, "action"));
        equal("x-amz-algorithm", "AWS4-HMAC-SHA256", text(payload, "x-amz-algorithm"));
        equal("x-amz-signedheaders", "host", text(payload, "x-amz-signedheaders"));
        text(payload, "user-agent");

        String date = text(payload, "x-amz-date");
        Instant signed = AMZ_DATE.parse(date, Instant::from);
        long expires = Long.parseLong(text(payload, "x-amz-expires"));
        if (expires < 1 || expires > MAX_EXPIRES) throw new SecurityException("x-amz-expires is " + expires);
        if (signed.isAfter(now.plus(MAX_SKEW))) throw new SecurityException("signed in the future, " + date);
        // A payload is made for the connection on which it goes out: an old one is a replay.
        if (now.isAfter(signed.plus(MAX_SKEW)) || now.isAfter(signed.plusSeconds(expires)))
            throw new SecurityException("expired, signed at " + date);

        String credential = text(payload, "x-amz-credential");
        String key = credential.split("/", 2)[0];
        String day = date.substring(0, 8);
        String scope = String.join("/", day, region, "kafka-cluster", "aws4_request");
        equal("x-amz-credential", key + "/" + scope, credential);
        if (!options.containsKey("secret_" + key)) throw new SecurityException("unknown access key " + key);
        String secret = option(options, "secret_" + key);
        String token = options.containsKey("token_" + key) ? option(options, "token_" + key) : null;
        String given = payload.path("x-amz-security-token").asText(null);
        if (token == null ? given != null : !token.equals(given)) throw new SecurityException("wrong session token");

        TreeMap<String, String> query = new TreeMap<>();
        query.put("Action", "kafka-cluster:Connect");
        query.put("X-Amz-Algorithm", "AWS4-HMAC-SHA256");
        query.put("X-Amz-Credential", credential);
        query.put("X-Amz-Date", date);
        query.put("X-Amz-Expires", Long.toString(expires));
        if (token != null) query.put("X-Amz-Security-Token", token);
        query.put("X-Amz-SignedHeaders", "host");
        StringBuilder canonicalQuery = new StringBuilder();
        query.forEach((name, value) -> canonicalQuery
                .append(canonicalQuery.isEmpty() ? "" : "&")
                .append(encode(name))
                .append('=')
                .append(encode(value)));
        String request = "GET\n/\n" + canonicalQuery + "\nhost:" + host + "\n\nhost\n" + sha256("");
        String toSign = "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + sha256(request);
        byte[] signing = ("AWS4" + secret).getBytes(StandardCharsets.UTF_8);
        for (String part : scope.split("/")) signing = hmac(signing, part);
        byte[] wanted = HexFormat.of().formatHex(hmac(signing, toSign)).getBytes(StandardCharsets.US_ASCII);
        byte[] found = text(payload, "x-amz-signature").getBytes(StandardCharsets.US_ASCII);
        if (!MessageDigest.isEqual(wanted, found)) throw new SecurityException("wrong signature by " + key);
        if (options.containsKey("refusal_" + key)) throw new Refusal(option(options, "refusal_" + key));
        return key;
    }

    private static String option(Map<String, ?> options, String name) {
        Object value = options.get(name);
        if (value == null) throw new IllegalStateException("no option " + name + " in sasl.jaas.config");
        return value.toString();
    }

    /** A member that must be a non-empty string: numbers in its place are refused, as on the wire. */
    private static String text(JsonNode payload, String name) {
        JsonNode value = payload.path(name);
        if (!value.isTextual() || value.textValue().isEmpty()) throw new SecurityException("no " + name);
        return value.textValue();
    }

    private static void equal(String what, String wanted, String found) {
        if (!wanted.equals(found)) throw new SecurityException(what + " is " + found + ", expected " + wanted);
    }

    /** RFC 3986's encoding; Java's is that of HTML forms. */
    private static String encode(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8)
                .replace("+", "%20")
                .replace("*", "%2A")
                .replace("%7E", "~");
    }

    private static String sha256(String value) throws Exception {
        return HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256").digest(value.getBytes(StandardCharsets.UTF_8)));
    }

    private static byte[] hmac(byte[] key, String value) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(value.getBytes(StandardCharsets.UTF_8));
    }
}
