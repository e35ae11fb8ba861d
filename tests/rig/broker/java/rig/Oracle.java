package rig;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;

/**
 * What Kafka's own AdminClient does and sees, for tests that compare the program under test with it.
 *
 * <p>One process for many questions: a JSON object with one member a line on stdin, one line on stdout
 * for each: {"ok": answer} or {"error": the exception's class, "message": its text}. Arguments: the
 * bootstrap servers of a plaintext listener. See oracle.py for the questions.
 */
public final class Oracle {
    private static final ObjectMapper JSON = new ObjectMapper();
    private final Admin admin;

    private Oracle(Admin admin) {
        this.admin = admin;
    }

    /** Answers until stdin ends. */
    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (Admin admin = Admin.create(settings(Map.of("bootstrap.servers", arguments[0])))) {
            Oracle oracle = new Oracle(admin);
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                out.println(JSON.writeValueAsString(oracle.answer(line)));
            }
        }
    }

    private static Properties settings(Map<String, ?> values) {
        Properties properties = new Properties();
        properties.putAll(values);
        return properties;
    }

    private Map<String, Object> answer(String line) {
        try {
            Map<String, Object> question = JSON.readValue(line, new TypeReference<>() {});
            if (question.size() != 1) throw new IllegalArgumentException("a question has one member");
            Map.Entry<String, Object> only = question.entrySet().iterator().next();
            Object found = ask(only.getKey(), only.getValue());
            return Map.of("ok", found == null ? true : found);
        } catch (Exception e) {
            Throwable cause = e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e;
            return Map.of("error", cause.getClass().getSimpleName(), "message", String.valueOf(cause.getMessage()));
        }
    }

    private Object ask(String verb, Object what) throws Exception {
        return switch (verb) {
            case "create" -> create(what, false);
            case "validate" -> create(what, true);
            case "describe" -> describe(what);
            case "delete" -> admin.deleteTopics(list(what)).all().get();
            case "alter" -> alter(map(what));
            case "partitions" -> partitions(map(what));
            case "clusterwide" -> clusterwide(map(what));
            case "reassign" -> reassign(map(what));
            case "quota" -> quota(map(what));
            case "try" -> attempt(map(what));
            default -> throw new IllegalArgumentException("no such question: " + verb);
        };
    }

    /** One topic or a list of them, in one request. */
    private Object create(Object what, boolean validateOnly) throws Exception {
        List<NewTopic> topics = new ArrayList<>();
        for (Object one : what instanceof List<?> several ? several : List.of(what)) {
            Map<String, Object> topic = map(one);
            Optional<Integer> partitions = Optional.ofNullable((Integer) topic.get("partitions"));
            Optional<Short> replication = Optional.ofNullable((Integer) topic.get("replication")).map(Integer::shortValue);
            topics.add(new NewTopic((String) topic.get("name"), partitions, replication)
                    .configs(strings(topic.getOrDefault("config", Map.of()))));
        }
        return admin.createTopics(topics, new CreateTopicsOptions().validateOnly(validateOnly)).all().get();
    }

    /** Topics that are not internal; what: true, or {"topics": [NAME], "all_keys": true}, both optional. */
    private Object describe(Object what) throws Exception {
        Map<String, Object> options = what instanceof Map<?, ?> ? map(what) : Map.of();
        boolean allKeys = Boolean.TRUE.equals(options.get("all_keys"));
        if (options.containsKey("topics")) return describe(list(options.get("topics")), allKeys);
        for (int left = 100; ; left--) {
            try {
                return describe(admin.listTopics().names().get(), allKeys);
            } catch (ExecutionException e) {
                // Each call may meet another broker, and one knows of a new topic before the others.
                if (left == 0 || !(e.getCause() instanceof UnknownTopicOrPartitionException)) throw e;
                Thread.sleep(100);
            }
        }
    }

    private Object describe(Collection<String> names, boolean allKeys) throws Exception {
        List<ConfigResource> resources = new ArrayList<>();
        for (String name : names) resources.add(topic(name));
        Map<ConfigResource, Config> configs = admin.describeConfigs(resources).all().get();
        Map<String, Object> found = new TreeMap<>();
        for (TopicDescription one : admin.describeTopics(names).allTopicNames().get().values()) {
            Map<String, Object> config = new TreeMap<>();
            for (ConfigEntry entry : configs.get(topic(one.name())).entries()) {
                if (allKeys || entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG) {
                    Map<String, Object> value = new HashMap<>();
                    value.put("value", entry.value());
                    value.put("source", entry.source().name());
                    config.put(entry.name(), value);
                }
            }
            List<List<Integer>> replicas = new ArrayList<>();
            one.partitions().forEach(p -> replicas.add(p.replicas().stream().map(Node::id).toList()));
            found.put(one.name(), Map.of(
                    "partitions", replicas.size(),
                    "replication", replicas.get(0).size(),
                    "replicas", replicas,
                    "config", config));
        }
        return found;
    }

    /** {NAME: {KEY: VALUE, or null to take the override back}}. */
    private Object alter(Map<String, Object> what) throws Exception {
        Map<ConfigResource, Collection<AlterConfigOp>> changes = new HashMap<>();
        what.forEach((name, config) -> changes.put(topic(name), operations(map(config))));
        return admin.incrementalAlterConfigs(changes).all().get();
    }

    /** {NAME: NUMBER}: more partitions. */
    private Object partitions(Map<String, Object> what) throws Exception {
        Map<String, NewPartitions> more = new HashMap<>();
        what.forEach((name, number) -> more.put(name, NewPartitions.increaseTo((Integer) number)));
        return admin.createPartitions(more).all().get();
    }

    /** {KEY: VALUE, or null}: settings of all brokers, which are no topic's own. */
    private Object clusterwide(Map<String, Object> what) throws Exception {
        ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
        return admin.incrementalAlterConfigs(Map.of(all, operations(what))).all().get();
    }

    /** {NAME: {PARTITION: [BROKER], or null to cancel}}; the answer is what is still under way. */
    private Object reassign(Map<String, Object> what) throws Exception {
        Map<TopicPartition, Optional<NewPartitionReassignment>> moves = new HashMap<>();
        what.forEach((name, partitions) -> map(partitions).forEach((number, brokers) -> moves.put(
                new TopicPartition(name, Integer.parseInt(number)),
                Optional.ofNullable(brokers).map(ids -> new NewPartitionReassignment(JSON.convertValue(ids, new TypeReference<List<Integer>>() {}))))));
        if (!moves.isEmpty()) admin.alterPartitionReassignments(moves).all().get();
        Map<String, Object> now = new TreeMap<>();
        admin.listPartitionReassignments().reassignments().get().forEach((partition, change) -> now.put(
                partition.toString(),
                Map.of("replicas", change.replicas(), "adding", change.addingReplicas(), "removing", change.removingReplicas())));
        return now;
    }

    /** {"user": NAME or null for all, KEY: NUMBER, or null}, such as controller_mutation_rate. */
    private Object quota(Map<String, Object> what) throws Exception {
        Map<String, String> who = new HashMap<>();
        who.put(ClientQuotaEntity.USER, (String) what.get("user"));
        List<ClientQuotaAlteration.Op> changes = new ArrayList<>();
        what.forEach((key, value) -> {
            if (!key.equals("user"))
                changes.add(new ClientQuotaAlteration.Op(key, value == null ? null : ((Number) value).doubleValue()));
        });
        return admin.alterClientQuotas(List.of(new ClientQuotaAlteration(new ClientQuotaEntity(who), changes))).all().get();
    }

    /**
     * Another client for a moment: {"settings": {KEY: VALUE}, "system": {KEY: VALUE}, "ask": question}.
     * `system`: Java's system properties, by which AWS's jar is told credentials. Answers {"brokers":
     * ids, "answer": that of the question}.
     */
    private static Object attempt(Map<String, Object> what) throws Exception {
        Map<String, String> system = strings(what.getOrDefault("system", Map.of()));
        system.forEach(System::setProperty);
        Map<String, Object> values = new HashMap<>();
        values.put("default.api.timeout.ms", "15000");
        values.put("request.timeout.ms", "8000");
        values.putAll(map(what.get("settings")));
        try (Admin other = Admin.create(settings(values))) {
            Map<String, Object> found = new TreeMap<>();
            found.put("brokers", other.describeCluster().nodes().get().stream().map(Node::id).sorted().toList());
            for (Map.Entry<String, Object> question : map(what.getOrDefault("ask", Map.of())).entrySet()) {
                found.put("answer", new Oracle(other).ask(question.getKey(), question.getValue()));
            }
            return found;
        } finally {
            system.keySet().forEach(System::clearProperty);
        }
    }

    private static Collection<AlterConfigOp> operations(Map<String, Object> config) {
        List<AlterConfigOp> operations = new ArrayList<>();
        config.forEach((key, value) -> operations.add(new AlterConfigOp(
                new ConfigEntry(key, value == null ? null : value.toString()), value == null ? OpType.DELETE : OpType.SET)));
        return operations;
    }

    private static ConfigResource topic(String name) {
        return new ConfigResource(ConfigResource.Type.TOPIC, name);
    }

    private static Map<String, Object> map(Object value) {
        return JSON.convertValue(value, new TypeReference<>() {});
    }

    private static Map<String, String> strings(Object value) {
        return JSON.convertValue(value, new TypeReference<>() {});
    }

    private static List<String> list(Object value) {
        return JSON.convertValue(value, new TypeReference<>() {});
    }
}
