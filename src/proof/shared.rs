//! Help that the errors of the installed client and of our own share.

/// MSK's ports.
pub(crate) const PORTS: &str = "on MSK: 9092 plaintext, 9094 TLS, 9096 SASL/SCRAM, 9098 IAM";

/// The caller is authenticated, and not authorized.
pub(crate) const CONNECT_RIGHT: &str = "the caller needs `kafka-cluster:Connect` on the cluster \
    (`kafka:*` is the control plane and gives nothing here): look at the role's policy, and at your \
    organisation's";

/// MSK's limit of new connections.
pub(crate) const TOO_MANY_CONNECTS: &str = "MSK limits new connections a second: wait a little, and let \
    fewer programs connect at once";

/// An instance without a role has no credentials.
pub(crate) const NO_INSTANCE_ROLE: &str = "attach an instance profile: `aws ec2 \
    associate-iam-instance-profile --instance-id ID --iam-instance-profile Name=NAME`";

/// STS refuses a role: the principal that its trust policy needs.
pub fn trust(principal: &str) -> String {
    format!(
        "the trust policy of the role must let the caller in, also when caller and role are the \
         same: add {{\"Effect\":\"Allow\",\"Principal\":{{\"AWS\":\"{principal}\"}},\
         \"Action\":\"sts:AssumeRole\"}}; a caller of another role needs `sts:AssumeRole` on this \
         one as well"
    )
}

/// No network route from a machine to the brokers.
pub fn network(machine: &str) -> String {
    format!(
        "the brokers' security group has to let {machine} in on their port; look at subnets and \
         routes too"
    )
}
