//! Causes outside of the machine: AWS, the brokers, and the network.

use super::{
    super::{
        output::Output,
        shared::{self, CONNECT_RIGHT, NO_INSTANCE_ROLE, PORTS, TOO_MANY_CONNECTS},
    },
    Cause, ClientRun, Lines, new,
};

/// Credentials and STS.
pub(super) fn of_aws(client: &ClientRun, _: &Output, lines: &Lines<'_>) -> Option<Cause> {
    let role = match &client.role {
        Some(role) => role.clone(),
        None => "the role of `awsRoleArn`".into(),
    };
    if let Some(line) = lines.all(&["sts:AssumeRole"]) {
        return new(
            format!("STS does not let the machine's own role assume {role}"),
            shared::trust(&caller(line).unwrap_or_else(|| "ARN OF THE CALLER'S ROLE".into())),
            line,
        );
    }
    let signature = [
        "Signature expired",
        "Signature not yet current",
        "SignatureDoesNotMatch",
        "RequestExpired",
        "Session too short",
    ];
    if let Some(line) = lines.any(&signature) {
        return new(
            "AWS refuses the signature",
            "set the machine's clock (`timedatectl`, `chronyc makestep`): what is more than 5 minutes off is refused; \
             else the secret does not belong to the key",
            line,
        );
    }
    let expired = [
        "ExpiredToken",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "security token included in the request",
    ];
    if let Some(line) = lines.any(&expired) {
        return new(
            "AWS does not take the credentials that the client found on the machine",
            "they have ended or are wrong: look at the start files' `AWS_…` variables and at `~/.aws`, which win over \
             the instance's role",
            line,
        );
    }
    let sts = |line: &&str| line.contains("sts.") && line.contains("amazonaws");
    let unreachable = [
        "UnknownHostException",
        "Connect to ",
        "connect timed out",
        "Connect timed out",
        "Unable to execute HTTP request",
        "Connection refused",
    ];
    if let Some(line) = lines.any(&unreachable).filter(sts) {
        return new(
            "STS cannot be reached from the machine",
            "a subnet without a way out needs an endpoint for STS, and `awsStsRegion` in `sasl.jaas.config` to use it",
            line,
        );
    }
    let missing = [
        "Failed to find AWS IAM Credentials",
        "Unable to load credentials from any",
        "Unable to load AWS credentials",
        "Unable to find a region",
    ];
    if let Some(line) = lines.any(&missing) {
        return new(
            "the client finds no AWS credentials on the machine",
            format!("{NO_INSTANCE_ROLE}; a profile needs `awsProfileName` in `sasl.jaas.config`"),
            line,
        );
    }
    None
}

/// The principal that the trust policy needs: of a session, its role.
fn caller(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("User: ")?;
    let user = rest.split_whitespace().next()?;
    let parts: Vec<&str> = user.split(':').collect();
    let ["arn", partition, "sts", "", account, resource] = parts[..] else {
        return Some(user.to_owned());
    };
    let role = resource.strip_prefix("assumed-role/")?.split('/').next()?;
    Some(format!("arn:{partition}:iam::{account}:role/{role}"))
}

/// Authentication errors of brokers.
pub(super) fn of_sasl(client: &ClientRun, _: &Output, lines: &Lines<'_>) -> Option<Cause> {
    if let Some(line) = lines.any(&["Too many connects"]) {
        return new(
            "the brokers refuse: too many new connections",
            TOO_MANY_CONNECTS,
            line,
        );
    }
    if let Some(line) = lines.any(&[
        "not enabled in the server",
        "UnsupportedSaslMechanism",
        "Unexpected handshake request",
    ]) {
        return new(
            format!(
                "the listener of {} does not take the mechanism that {} has",
                client.brokers,
                client.file()
            ),
            format!("use the port for it; {PORTS}"),
            line,
        );
    }
    if let Some(line) = lines
        .any(&["SASL handshake", "IllegalSaslState"])
        .filter(|line| line.contains("Unexpected"))
    {
        return new(
            format!(
                "the listener of {} asks for SASL, and the client came without",
                client.brokers
            ),
            format!(
                "set `sasl.mechanism` and its lines in {}, or use another port; {PORTS}",
                client.file()
            ),
            line,
        );
    }
    if let Some(line) = lines.any(&[
        "Access denied",
        "SaslAuthenticationException",
        "ClusterAuthorizationException",
        "TopicAuthorizationException",
        "Not authorized to access",
    ]) {
        let who = client.role.as_deref().unwrap_or("the caller");
        if line.contains("Invalid username or password") || line.contains("invalid credentials") {
            return new(
                "the brokers do not know the user name and password of the properties file",
                "check both, and that they were made for this mechanism",
                line,
            );
        }
        return new(format!("the brokers refuse {who}"), CONNECT_RIGHT, line);
    }
    None
}

/// TLS: certificates, and ports with another protocol.
pub(super) fn of_tls(client: &ClientRun, _: &Output, lines: &Lines<'_>) -> Option<Cause> {
    if let Some(line) = lines.any(&[
        "plaintext connection?",
        "Unsupported or unrecognized SSL message",
    ]) {
        return new(
            format!(
                "{} speaks plaintext, and {} asks for TLS",
                client.brokers,
                client.file()
            ),
            format!("use the cluster's port for it; {PORTS}"),
            line,
        );
    }
    if let Some(line) = lines.any(&["trustAnchors parameter must be non-empty"]) {
        return new(
            "the login shell's Java has no authorities that it trusts",
            "install its `cacerts` (`ca-certificates`, `ca-certificates-java`), or set `ssl.truststore.location`",
            line,
        );
    }
    if let Some(line) = lines.any(&[
        "PKIX path",
        "unable to find valid certification path",
        "signature check failed",
    ]) {
        let cause = match line.contains("validity check failed") {
            true => "the broker's certificate has expired, or the machine's clock is wrong",
            false => {
                "the broker's certificate comes from an authority that the client's Java does not trust"
            }
        };
        return new(
            cause,
            "MSK's are in every Java's `cacerts`: is the name that of a broker? For an authority of your own set \
             `ssl.truststore.location`",
            line,
        );
    }
    if let Some(line) = lines.any(&[
        "No subject alternative",
        "No name matching",
        "doesn't match any of the subject",
    ]) {
        return new(
            "the broker's certificate is for another name",
            "write the name that the cluster gives, not an address or an alias",
            line,
        );
    }
    let stores = [
        "Failed to load SSL keystore",
        "Failed to load PEM",
        "keystore password was incorrect",
        "Keystore was tampered",
    ];
    if let Some(line) = lines.any(&stores) {
        return new(
            "the client cannot read its trust store or key store",
            format!("look at the `ssl.…` keys in {}", client.file()),
            line,
        );
    }
    if let Some(line) = lines.any(&[
        "SSLHandshakeException",
        "SSL handshake failed",
        "SslAuthenticationException",
    ]) {
        return new(
            format!("TLS with {} fails", client.brokers),
            format!("use the cluster's TLS port and its own names; {PORTS}"),
            line,
        );
    }
    None
}

/// Names, ports, and timeouts.
pub(super) fn of_network(client: &ClientRun, output: &Output, lines: &Lines<'_>) -> Option<Cause> {
    let brokers = &client.brokers;
    if let Some(line) = lines.any(&["No resolvable bootstrap urls"]) {
        return new(
            format!("the machine knows no address for {brokers}"),
            "write the brokers' names as the cluster gives them; a private name is known in the cluster's VPC alone",
            line,
        );
    }
    if let Some(line) = lines.any(&[
        "Invalid url in bootstrap.servers",
        "Invalid port in bootstrap.servers",
    ]) {
        return new(
            format!("{brokers} are no brokers"),
            "write `HOST:PORT`, with commas between",
            line,
        );
    }
    if let Some(line) = lines.any(&["terminated during authentication"]) {
        return new(
            format!("{brokers} hang up on the client during its login"),
            format!("is it the port for what {} says? {PORTS}", client.file()),
            line,
        );
    }
    if let Some(line) = lines.any(&["could not be established"]) {
        return new(
            format!("nothing answers at {brokers}: the port is closed, or the way there is"),
            format!("{}; {PORTS}", shared::network("the machine")),
            line,
        );
    }
    if let Some(line) = lines.any(&["disconnected"]) {
        return match client.speaks_plaintext() {
            true => client.plaintext(line),
            false => new(
                format!("{brokers} hang up on the client"),
                format!("is it the port for what {} says? {PORTS}", client.file()),
                line,
            ),
        };
    }
    let waited = lines.any(&["Timed out waiting", "TimeoutException", "timed out"]);
    if output.timed_out || waited.is_some() {
        let cause = match client.speaks_plaintext() {
            true => format!("{brokers} give no answer to a client that speaks plaintext"),
            false => format!("no answer came from {brokers}"),
        };
        let cause = match output.timed_out {
            true => format!("{cause} within {} s", client.seconds),
            false => cause,
        };
        return Some(Cause {
            cause,
            help: format!(
                "{}; or it is another listener's port ({PORTS}); a slow machine needs a longer `--timeout`",
                shared::network("the machine")
            ),
            line: waited.map(str::to_owned),
        });
    }
    None
}
