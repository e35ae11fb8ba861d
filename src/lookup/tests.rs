//! Look-ups against a fake account: the questions, and how often each is asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Barrier;

use super::*;
use crate::{
    broker::credentials::Credentials,
    spec::{self, Cluster, Given, Source},
};

/// An account that answers at once and records the questions.
#[derive(Default)]
struct Account {
    instances: Vec<Instance>,
    parameters: BTreeMap<String, String>,
    questions: Mutex<Vec<String>>,
    /// Whoever asks for a parameter waits until so many do.
    together: Option<Barrier>,
    /// How many ask for a role now, and how many did at most.
    busy: Mutex<(usize, usize)>,
}

impl Account {
    fn note(&self, question: String) {
        self.questions.lock().expect("no panic").push(question);
    }

    fn questions(&self) -> Vec<String> {
        let mut questions = self.questions.lock().expect("no panic").clone();
        questions.sort();
        questions
    }
}

#[async_trait]
impl Cloud for Account {
    async fn instances(&self, _: &Aws, query: &InstanceQuery) -> Result<Vec<Instance>, CloudError> {
        self.note(format!("instances {query:?}"));
        Ok(self.instances.clone())
    }
    async fn key_pair_id(&self, _: &Aws, name: &str) -> Result<String, CloudError> {
        self.note(format!("pair {name}"));
        Ok(format!("key-of-{name}"))
    }
    async fn console(&self, _: &Aws, _: &str, _: bool) -> Result<Console, CloudError> {
        Err(CloudError::NotBuilt)
    }
    async fn parameter(&self, _: &Aws, name: &str) -> Result<SecretString, CloudError> {
        self.note(format!("parameter {name}"));
        if let Some(together) = &self.together {
            together.wait().await;
        }
        match self.parameters.get(name) {
            Some(value) => Ok(SecretString::from(value.as_str())),
            None => Err(CloudError::NotFound {
                subject: format!("the parameter `{name}`"),
                message: "ParameterNotFound".into(),
                help: "see its name".into(),
                context: Box::default(),
            }),
        }
    }
    async fn role(&self, _: &Aws, name: &str) -> Result<Role, CloudError> {
        self.note(format!("role {name}"));
        {
            let mut busy = self.busy.lock().expect("no panic");
            *busy = (busy.0 + 1, busy.1.max(busy.0 + 1));
        }
        tokio::task::yield_now().await;
        self.busy.lock().expect("no panic").0 -= 1;
        Ok(Role {
            arn: format!("arn:aws:iam::123456789012:role/{name}"),
            trust: "{}".into(),
        })
    }
    async fn profile_roles(&self, _: &Aws, name: &str) -> Result<Vec<String>, CloudError> {
        self.note(format!("profile {name}"));
        Ok(vec![])
    }
    async fn cluster(&self, _: &Aws, _: &Cluster) -> Result<MskCluster, CloudError> {
        Err(CloudError::NotBuilt)
    }
    async fn caller(&self, _: &Aws) -> Result<Caller, CloudError> {
        Err(CloudError::NotBuilt)
    }
    async fn credentials(&self, _: &Aws) -> Result<Credentials, CloudError> {
        Err(CloudError::NotBuilt)
    }
}

fn hosts(text: &str) -> Vec<crate::spec::ResolvedHost> {
    let source = Source {
        path: "spec.yaml".into(),
        text: format!("version: 1\n{text}"),
    };
    let (resolved, problems) = spec::load(&source, &Given::default());
    resolved.unwrap_or_else(|| panic!("{problems:?}")).hosts
}

async fn settled(account: &Arc<Account>, text: &str) -> Lookups {
    let cloud: Arc<dyn Cloud> = Arc::clone(account) as Arc<dyn Cloud>;
    settle(&cloud, hosts(text), vec![]).await
}

impl Lookups {
    /// The host that the spec's first one became.
    fn first(&self) -> &super::hosts::HostLookup {
        &self.hosts[0][0]
    }
}

fn instance(id: &str) -> Instance {
    Instance {
        id: id.into(),
        state: "running".into(),
        public_dns: Some(format!("{id}.example")),
        key_name: Some("pair".into()),
        ..Instance::default()
    }
}

const FROM_INSTANCE: &str = "hosts:\n  c:\n    ec2: { tags: { a: b }, all: true }\n    ssh: { key: { from_instance: true } }\n";

#[tokio::test]
async fn the_key_of_an_instances_pair_is_found_in_three_steps() {
    let account = Arc::new(Account {
        instances: vec![instance("i-1"), instance("i-2")],
        parameters: [("/ec2/keypair/key-of-pair".to_owned(), "PEM".to_owned())].into(),
        ..Account::default()
    });
    let settled = settled(&account, FROM_INSTANCE).await;
    assert_eq!(settled.hosts[0].len(), 2);
    for one in &settled.hosts[0] {
        let values = one.values.as_ref().expect("values");
        let key = values.ssh_key.as_ref().expect("a key");
        assert_eq!(key.expose_secret(), "PEM");
        assert!(!format!("{values:?}").contains("PEM"));
        let row = values.looked_up.last().expect("a row");
        assert_eq!((row.key.as_str(), &row.value), ("ssh.key", &None));
    }
    let found = settled.hosts[0][1].host.route.found().expect("found");
    assert_eq!(
        (&*found.instance_id, &*found.address),
        ("i-2", "i-2.example")
    );
    assert_eq!(settled.members["c"], ["c/i-1", "c/i-2"]);
    // Two machines of one pair: asked once.
    let questions = account.questions();
    assert_eq!(questions.len(), 3, "{questions:?}");
    assert!(
        questions
            .iter()
            .any(|one| one == "parameter /ec2/keypair/key-of-pair")
    );
}

#[tokio::test]
async fn a_machine_without_a_pair_says_so() {
    let mut bare = instance("i-1");
    bare.key_name = None;
    let account = Arc::new(Account {
        instances: vec![bare],
        ..Account::default()
    });
    let settled = settled(&account, FROM_INSTANCE).await;
    let error = settled.first().values.as_ref().expect_err("no key");
    assert!(
        error.contains("i-1 was launched without a key pair"),
        "{error}"
    );
}

#[tokio::test]
async fn look_ups_go_out_side_by_side_and_each_once() {
    let text = "hosts:\n  a: { ssh: { address: a } }\n  b: { ssh: { address: b } }\nclient:\n  properties:\n    \
        path: ~/p\n    extra:\n      ssl.key.password: { ssm_parameter: /1 }\n      ssl.keystore.password: { \
        ssm_parameter: /2 }\n      ssl.truststore.password: { ssm_parameter: /3 }\n";
    let account = Arc::new(Account {
        parameters: ["/1", "/2", "/3"]
            .map(|name| (name.to_owned(), name.to_owned()))
            .into(),
        // One after another, the first would wait for ever.
        together: Some(Barrier::new(3)),
        ..Account::default()
    });
    let settled = settled(&account, text).await;
    assert!(settled.hosts.iter().flatten().all(|one| one.values.is_ok()));
    assert_eq!(
        account.questions(),
        ["parameter /1", "parameter /2", "parameter /3"]
    );
}

#[tokio::test]
async fn what_refers_to_nothing_asks_nothing_and_all_that_is_wrong_is_said() {
    let account = Arc::new(Account::default());
    let plain = settled(
        &account,
        "hosts: { a: { ssh: { address: a, key: { file: k } } } }\n",
    )
    .await;
    assert!(plain.first().values.is_ok() && plain.accounts.is_empty());
    assert_eq!(account.questions(), Vec::<String>::new());
    let text = "hosts:\n  a: { ec2: { name: n }, ssh: { key: { ssm_parameter: /k } } }\n";
    let wrong = settled(&account, text).await;
    let error = wrong.first().values.as_ref().expect_err("nothing is there");
    assert!(error.contains("no instance is Name=n"), "{error}");
    let text = "hosts: { a: { ssh: { address: a, key: { ssm_parameter: /k } } } }\nclient:\n  properties: { path: ~/p, \
        extra: { ssl.key.password: { ssm_parameter: /l } } }\n";
    let wrong = settled(&account, text).await;
    let error = wrong.first().values.as_ref().expect_err("nothing is there");
    assert!(error.contains("`ssh.key`: the parameter `/k`"), "{error}");
    assert!(
        error.contains("ssl.key.password`: the parameter `/l`"),
        "{error}"
    );
}

#[tokio::test]
async fn sixteen_calls_at_most_are_under_way() {
    let account = Arc::new(Account::default());
    let cloud: Arc<dyn Cloud> = Arc::clone(&account) as Arc<dyn Cloud>;
    let role = |n: usize| questions::Question::Role(Aws::default(), format!("r{n}"));
    Answers::gather(&cloud, |_| (0..40).map(role).collect()).await;
    assert_eq!(account.questions().len(), 40);
    assert_eq!(*account.busy.lock().expect("no panic"), (0, 16));
}
