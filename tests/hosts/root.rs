//! What only root can change, on real machines: `become: true` uses sudo, and nothing else does.

use std::fs;

use crate::rig::{Host, Said, trueup};

/// Writes a spec with declarations beside the host, and runs a command with it.
pub fn with(host: &Host, declared: &str, words: &[&str]) -> Said {
    let path = host.spec("java: { version: 8 }");
    let text = fs::read_to_string(&path).expect("written");
    let (hosts, _) = text.split_once("client:\n  java").expect("a client");
    fs::write(&path, format!("{hosts}{declared}\n")).expect("written");
    let mut all = vec![words[0], path.to_str().expect("text")];
    all.extend(&words[1..]);
    trueup(host, &all)
}

#[test]
fn a_time_zone_is_set_kept_and_put_right() {
    for kind in ["amazon", "debian"] {
        let host = Host::start(kind, &[]);
        let zones = "/usr/share/zoneinfo/Europe";
        host.root(&format!(
            "mkdir -p {zones}; for zone in Berlin Paris; do [ -f {zones}/$zone ] || printf 'TZif %s' $zone >{zones}/$zone; done"
        ));
        let spec = "timezone: { name: Europe/Berlin, become: true }";
        let plan = |declared: &str| with(&host, declared, &["plan", "--detailed-exitcode"]);

        // Without `become` nothing of root's is touched.
        let said = plan("timezone: { name: Europe/Berlin }").code(2);
        let said = said.says("only root can change it");
        assert!(said.says("become: true").out.contains("timezone"));

        plan(spec).code(2).says("the spec wants Europe/Berlin");
        with(&host, spec, &["apply", "--auto-approve"]).code(0);
        let link = host.root("readlink -f /etc/localtime");
        assert_eq!(link.trim(), format!("{zones}/Berlin"), "{kind}");
        plan(spec).code(0);
        // As the account itself it can be seen, too.
        plan("timezone: { name: Europe/Berlin }").code(0);

        host.root(&format!("ln -sfn {zones}/Paris /etc/localtime"));
        let drift = with(&host, spec, &["drift"]).code(2);
        drift.says("/etc/localtime is Europe/Paris");
        with(&host, spec, &["apply", "--auto-approve"]).code(0);
        with(&host, spec, &["drift"]).code(0);

        let wrong = plan("timezone: { name: Europe/Berlni, become: true }");
        wrong.code(2).says("not in /usr/share/zoneinfo");

        // A saved plan holds what it is about, and is refused where that has moved.
        host.root(&format!("ln -sfn {zones}/Paris /etc/localtime"));
        let saved = host.path("/tmp/saved-plan");
        let saved = saved.to_str().expect("text");
        with(&host, spec, &["plan", "--out", saved]).code(0);
        host.root("rm /etc/localtime");
        let stale = trueup(&host, &["apply", saved, "--auto-approve"]);
        stale.code(6).says("timezone");
        host.root(&format!("ln -sfn {zones}/Paris /etc/localtime"));
        trueup(&host, &["apply", saved, "--auto-approve"]).code(0);
        plan(spec).code(0);

        // An account that has to type a password can see nothing as root, and that is said.
        host.root("chmod 4755 /usr/bin/sudo; mv /etc/sudoers.d /etc/sudoers.away; mkdir -m 750 /etc/sudoers.d");
        let refused = plan(spec).code(4);
        refused.says("`become` needs root, and `sudo -n` refuses");
    }
}

#[test]
fn a_package_is_installed_once_and_missed() {
    for (kind, package, remove) in [
        ("amazon", "java-1.8.0-openjdk", "rpm -e java-1.8.0-openjdk"),
        ("debian", "java-common", "apt-get -y -q remove java-common"),
    ] {
        let host = Host::start(kind, &[]);
        let spec = format!("packages: {{ {package}: {{ become: true }} }}");
        let plan = |declared: &str| with(&host, declared, &["plan", "--detailed-exitcode"]);
        let said = plan(&format!("packages: {{ {package}: {{}} }}")).code(2);
        said.says("only root can change it");
        plan(&spec).code(2).says("is not installed");
        with(&host, &spec, &["apply", "--auto-approve"]).code(0);
        plan(&spec).code(0);
        // What is there needs nobody's rights.
        plan(&format!("packages: {{ {package}: {{}} }}")).code(0);
        host.root(remove);
        with(&host, &spec, &["drift"])
            .code(2)
            .says("is not installed");

        let unknown = "packages: { no-such-package-here: { become: true } }";
        let failed = with(&host, unknown, &["apply", "--auto-approve"]);
        failed.code(5).says("no-such-package-here");
        let wrong = plan("packages: { \"jq=1.6\": { become: true } }").code(3);
        wrong.says("is no name of a package");
    }
}
