//! `trueup trust`: the host keys that machines show, what vouches for them, and pinning them.

use crate::{
    cli::{AllowArgs, HostArgs},
    exit::Code,
    run::{Surroundings, at_once, complain_safely, load, only_hosts, put, targets, trust},
    spec::{Resolved, Route},
};

pub(super) async fn run(args: &HostArgs, yes: bool, around: &Surroundings) -> Code {
    let look = args.look();
    let specs = match load(&look.spec, around) {
        Ok(specs) => specs.into_iter().map(without_keys).collect(),
        Err(code) => return code,
    };
    let targets = match targets(&look, &AllowArgs::default(), specs, around).await {
        Ok(targets) => targets,
        Err(code) => return code,
    };
    let connecting = at_once(args.limits.parallel, &targets.hosts, async |target| {
        trust::offered(target, args.limits.timeout, around).await
    });
    let offered = connecting.await;
    let mut codes = Vec::new();
    for (at, (target, offered)) in targets.hosts.iter().zip(offered).enumerate() {
        if at > 0 {
            put("\n");
        }
        let trusted = match offered {
            Ok(offered) => trust::trust(target, offered, yes, around).await,
            Err(error) => Err(error),
        };
        codes.push(trusted.unwrap_or_else(|error| {
            complain_safely(&format!("error: host `{}`: {error}", target.host.name));
            Code::Unreachable
        }));
    }
    Code::worst(codes)
}

/// The hosts alone, without their private keys: nothing else is looked up.
fn without_keys(spec: Resolved) -> Resolved {
    let mut spec = only_hosts(spec);
    for host in &mut spec.hosts {
        if let Route::Ssh(ssh) | Route::Ec2 { ssh, .. } = &mut host.route {
            ssh.key = None;
        }
    }
    spec
}
