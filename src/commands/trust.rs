//! `trueup trust`: which host keys the machines show, what vouches for them, and pinning them.

use crate::{
    cli::{AllowArgs, HostArgs},
    exit::Code,
    kinds::client::Client,
    run::{Surroundings, complain_safely, load, put, targets, trust},
    spec::{Resolved, Route},
};

pub(super) async fn run(args: &HostArgs, yes: bool, around: &Surroundings) -> Code {
    let look = args.look();
    let specs = match load(&look.spec, around) {
        Ok(specs) => specs.into_iter().map(only_ways).collect(),
        Err(code) => return code,
    };
    let targets = match targets(&look, &AllowArgs::default(), specs, around).await {
        Ok(targets) => targets,
        Err(code) => return code,
    };
    let mut codes = Vec::new();
    for (at, target) in targets.hosts.iter().enumerate() {
        if at > 0 {
            put("\n");
        }
        let code = match trust::trust(target, args.timeout, yes, around).await {
            Ok(code) => code,
            Err(error) => {
                complain_safely(&format!("error: host `{}`: {error}", target.host.name));
                Code::Unreachable
            }
        };
        codes.push(code);
    }
    Code::worst(codes)
}

/// The hosts alone, and the way to them without its private key: nothing else is looked up.
fn only_ways(mut spec: Resolved) -> Resolved {
    spec.clusters.clear();
    for host in &mut spec.hosts {
        host.client = Client::default();
        if let Route::Ssh(ssh) | Route::Ec2 { ssh, .. } = &mut host.route {
            ssh.key = None;
        }
    }
    spec
}
