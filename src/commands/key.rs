//! `trueup key`: the private key that a host's spec refers to, in a file.

use std::path::Path;

use crate::{
    cli::{AllowArgs, HostArgs},
    exit::Code,
    run::{
        Surroundings, Target, complain_safely, load, not_written, only_hosts, put, shown, targets,
    },
    spec::{Key, Route},
    transport::ssh::PrivateKey,
    whole::{Whole, free},
};

/// What helps where the file is there already.
const ANOTHER: &str = "name another file, or move it away";

pub(super) async fn run(args: &HostArgs, file: &Path, around: &Surroundings) -> Code {
    // Before a secret is read.
    if let Err(error) = free(file) {
        return not_written(file, &error, ANOTHER);
    }
    let look = args.look();
    let specs = match load(&look.spec, around) {
        Ok(specs) => specs.into_iter().map(only_hosts).collect(),
        Err(code) => return code,
    };
    let targets = match targets(&look, &AllowArgs::default(), specs, around).await {
        Ok(targets) => targets,
        Err(code) => return code,
    };
    let target = match targets.hosts.as_slice() {
        [target] => target,
        targets => {
            let names: Vec<&str> = targets
                .iter()
                .map(|target| target.host.name.as_str())
                .collect();
            complain_safely(&format!(
                "error: `{}` has several hosts\n  help: say which with `--host`: {}",
                look.spec
                    .specs
                    .iter()
                    .map(|file| shown(file))
                    .collect::<String>(),
                names.join(", ")
            ));
            return Code::Usage;
        }
    };
    let key = match key_of(target) {
        Ok(key) => key,
        Err((code, error)) => {
            complain_safely(&format!("error: host `{}`: {error}", target.host.name));
            return code;
        }
    };
    match Whole::beside(file, 0o400).and_then(|new| new.put_new(key.expose().as_bytes())) {
        Ok(()) => {
            put(&format!(
                "the private key of `{}` is in {}, with mode 0400\n",
                target.host.name,
                file.display()
            ));
            Code::Done
        }
        Err(error) => not_written(file, &error, ANOTHER),
    }
}

fn key_of(target: &Target) -> Result<PrivateKey, (Code, String)> {
    if let Some(lookup_error) = &target.lookup_error {
        return Err((Code::Unreachable, lookup_error.clone()));
    }
    let key = match &target.host.route {
        Route::Local => None,
        Route::Ssh(ssh) | Route::Ec2 { ssh, .. } => ssh.key.as_ref(),
    };
    let Some(secret) = &target.ssh_key else {
        let reason = match key {
            Some(Key::File(name)) => format!("its key is in a file already: {name}"),
            _ => "its spec refers to no private key".to_owned(),
        };
        return Err((
            Code::Usage,
            format!(
                "{reason}\n  help: `ssh: {{ key: {{ ssm_parameter: NAME }} }}`, or `from_instance: true` with \
                 `ec2`, refers to one"
            ),
        ));
    };
    PrivateKey::parse(secret).map_err(|error| {
        let text = format!(
            "its private key cannot be used: {error}\n  help: {}",
            error.help()
        );
        (Code::Unreachable, text)
    })
}
