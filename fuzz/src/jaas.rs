//! The line `sasl.jaas.config`.

use trueup::jaas::{IAM_MODULE, JaasLogin, ROLE, likely_options, own_options, read, write};

use super::{shown::fit_for_a_line, within};

/// Reads a line as Kafka does; what is written for Kafka is read back as it was.
pub fn jaas(bytes: &[u8]) {
    let line = String::from_utf8_lossy(bytes);
    // An option costs more than its bytes.
    let found = within(line.len(), 64, 1024, || read(&line));
    for (name, value) in likely_options(&line) {
        assert!(!name.is_empty() && !value.is_empty());
    }
    let wanted = |options| JaasLogin {
        module: IAM_MODULE.into(),
        flag: "required".into(),
        options,
    };
    let none = wanted(vec![]);
    let own = own_options(&none, &line);
    assert!(own.iter().all(|(name, _)| name != ROLE));
    // What stays of a file's line beside the spec's.
    comes_back(&wanted(own));
    match found {
        Ok(login) => {
            for (at, (name, _)) in login.options.iter().enumerate() {
                assert!(login.options[..at].iter().all(|(other, _)| other != name));
            }
            assert_eq!(own_options(&login, &line), []);
            if login.module == IAM_MODULE {
                comes_back(&login);
            }
        }
        Err(refused) => fit_for_a_line(&refused.to_string()),
    }
}

fn comes_back(login: &JaasLogin) {
    let line = write(login);
    assert_eq!(read(&line).as_ref(), Ok(login), "{line:?}");
}
