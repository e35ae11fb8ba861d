package rig;

import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.server.policy.AlterConfigPolicy;
import org.apache.kafka.server.policy.CreateTopicPolicy;

/**
 * Policies of a broker that refuse what MSK's Express brokers refuse: another number of replicas than
 * three, and settings that they keep to themselves. The words are the rig's.
 */
public final class Express {
    private static final Set<String> FIXED =
            Set.of("min.insync.replicas", "segment.bytes", "unclean.leader.election.enable");

    private Express() {}

    private static void check(String topic, Map<String, String> configs) {
        for (String name : configs.keySet()) {
            if (FIXED.contains(name)) throw new PolicyViolationException(name + " of " + topic + " is kept by Express");
        }
    }

    /** {@code create.topic.policy.class.name}. */
    public static final class Create implements CreateTopicPolicy {
        @Override
        public void configure(Map<String, ?> configs) {}

        @Override
        public void validate(RequestMetadata asked) {
            Short replicas = asked.replicationFactor();
            if (replicas != null && replicas != 3)
                throw new PolicyViolationException(asked.topic() + " has 3 replicas on Express, not " + replicas);
            check(asked.topic(), asked.configs());
        }

        @Override
        public void close() {}
    }

    /** {@code alter.config.policy.class.name}. */
    public static final class Alter implements AlterConfigPolicy {
        @Override
        public void configure(Map<String, ?> configs) {}

        @Override
        public void validate(RequestMetadata asked) {
            check(asked.resource().name(), asked.configs());
        }

        @Override
        public void close() {}
    }
}
