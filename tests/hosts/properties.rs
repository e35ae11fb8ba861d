//! `client.properties` on a real machine: what Java would see otherwise is changed, once, and what is
//! the user's stays.

use std::fs;

use crate::rig::{Host, trueup};

const ARN: &str = "arn:aws:iam::111122223333:role/R";

/// The lines of the spec, with the value of the jaas line's role.
fn lines(role: &str) -> String {
    format!(
        "security.protocol=SASL_SSL\nsasl.mechanism=AWS_MSK_IAM\n\
         sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn={role};\n\
         sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler\n"
    )
}

/// The spec's own keys, without Kafka: what `msk_iam_auth` would say.
fn spec(host: &Host, path: &str, more: &str) -> String {
    let extra: String = lines(&format!("\"{ARN}\""))
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| format!("    {key}: '{value}'\n"))
        .collect();
    let text =
        format!("properties:\n  path: {path}\n{more}  extra:\n{extra}    client.id: \u{1f980}\n");
    host.spec(&text).to_str().expect("text").to_owned()
}

/// One apply closes what differs, and nothing differs then.
fn converges(host: &Host, spec: &str, says: &str) {
    trueup(host, &["apply", spec, "--auto-approve"])
        .code(0)
        .says(says);
    trueup(host, &["plan", spec, "--detailed-exitcode"]).code(0);
}

#[test]
fn what_java_sees_is_what_counts() {
    let host = Host::start("amazon", &[]);
    let path = "~/conf/msk/client.properties";
    let spec = spec(&host, path, "");
    let file = host.home("conf/msk/client.properties");

    // The folder is made, for this account alone, and the plan shows it.
    trueup(&host, &["plan", &spec])
        .code(0)
        .says("~/conf/msk, 0700");
    converges(&host, &spec, "verified");
    let mode = host.user("stat -c '%a %n' conf conf/msk conf/msk/client.properties");
    assert_eq!(
        mode,
        "700 conf\n700 conf/msk\n600 conf/msk/client.properties\n"
    );
    assert!(
        host.read("conf/msk/client.properties")
            .contains("client.id=\\ud83e\\udd80")
    );

    // As people save it: a byte order mark, a role without quotes, a group, a stricter mode.
    fs::write(
        &file,
        format!("\u{feff}{}client.id=\\ud83e\\udd80\n", lines(ARN)),
    )
    .expect("written");
    host.root("groupadd -f loaders; usermod -a -G loaders ec2-user; chgrp loaders /home/ec2-user/conf/msk/client.properties; chmod 400 /home/ec2-user/conf/msk/client.properties");
    trueup(&host, &["plan", &spec])
        .code(0)
        .says("byte order mark");
    converges(&host, &spec, "verified");
    let after = host.user("stat -c '%a %U %G' conf/msk/client.properties");
    assert_eq!(after, "400 ec2-user loaders\n");
    assert!(
        host.read("conf/msk/client.properties")
            .contains(&format!("awsRoleArn=\"{ARN}\";"))
    );

    // A key store that is not there: said, and no drift. Its path is the user's.
    host.user("chmod 600 conf/msk/client.properties; printf 'producer.ssl.truststore.location = /no/canary.jks\\r\\nssl.keystore.location=/etc/hostname\\n' >>conf/msk/client.properties");
    let plan = trueup(
        &host,
        &["plan", &spec, "--detailed-exitcode", "--format", "json"],
    )
    .code(0);
    let json = plan.json();
    let warnings = json["hosts"][0]["warnings"].as_array().expect("a warning");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let warning = warnings[0].as_str().expect("text");
    assert!(
        warning.contains("`producer.ssl.truststore.location`")
            && warning.contains("line 6")
            && !warning.contains("canary"),
        "{warning}"
    );

    // A file where the folder should be.
    host.user("rm -r conf; echo mine >conf");
    trueup(&host, &["apply", &spec, "--auto-approve"])
        .code(5)
        .says("`~/conf` is no folder");
    assert_eq!(host.read("conf"), "mine\n");
}

#[test]
fn a_group_that_is_not_ours_is_not_lost_in_silence() {
    let host = Host::start("debian", &[]);
    let spec = spec(&host, "~/client.properties", "  mode: \"0640\"\n");
    converges(&host, &spec, "verified");
    host.root("groupadd -f others; sed -i s/AWS_MSK_IAM/PLAIN/ /home/ec2-user/client.properties; chown ec2-user:others /home/ec2-user/client.properties; chmod 640 /home/ec2-user/client.properties");
    trueup(&host, &["apply", &spec, "--auto-approve"])
        .code(5)
        .says("others");
    let left = host.user("stat -c '%a %U %G' client.properties; ls -A | grep -c trueup- || :");
    assert_eq!(left, "640 ec2-user others\n0\n");
    // A group that may do no more than everybody is no loss.
    host.root("chmod 600 /home/ec2-user/client.properties");
    converges(&host, &spec, "verified");
}

#[test]
fn below_a_folder_that_others_can_write_in_nothing_is_written() {
    let host = Host::start("debian", &[]);
    host.root("groupadd team && gpasswd -a ec2-user team && gpasswd -a nobody team && install -d -m 2770 -g team /srv/team && install -d -o ec2-user /srv/team/own");
    let spec = spec(&host, "/srv/team/own/client.properties", "");
    for command in ["plan", "apply"] {
        let mut words = vec![command, &spec];
        words.extend((command == "apply").then_some("--auto-approve"));
        let said = trueup(&host, &words);
        assert_eq!(said.code, 5, "{said:?}");
        said.says("below `/srv/team`, where others can write")
            .says("have whoever manages `/srv/team` take that right from others");
    }
    assert!(!host.path("/srv/team/own/client.properties").exists());
    // A sticky folder keeps each from what is the others'; and a group of nobody else is no danger.
    host.root("chmod +t /srv/team");
    converges(&host, &spec, "verified");
    host.root("chmod -t /srv/team && rm /srv/team/own/client.properties && gpasswd -d nobody team");
    converges(&host, &spec, "verified");
}
