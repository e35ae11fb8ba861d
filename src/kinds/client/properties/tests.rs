use super::*;

#[test]
fn a_jaas_line_is_compared_by_its_meaning() {
    let same = [
        r#"a.M required awsRoleArn="arn:x" awsDebugCreds=true;"#,
        r#"a.M  Required awsDebugCreds="true"  awsRoleArn = 'arn:x' ; // both"#,
    ];
    for line in same {
        assert_eq!(normal(JAAS, line), normal(JAAS, same[0]), "{line}");
    }
    for line in [
        r#"a.M required awsRoleArn="arn:y" awsDebugCreds=true;"#,
        "a.M required awsRoleArn=arn:x awsDebugCreds=true;",
        "a.M required;",
        "",
        "x",
    ] {
        assert_ne!(normal(JAAS, line), normal(JAAS, same[0]), "{line}");
    }
}

#[test]
fn reviewers_see_the_role_and_no_secret() {
    let mask = |key: &str, value: &str| mask(key, value, &["own".into()]);
    let shown = mask(
        JAAS,
        r#"M required username="u" password="canary" own="canary" awsRoleArn="arn:x";"#,
    );
    assert_eq!(
        shown,
        r#"M required username="u" password="(sensitive)" own="(kept)" awsRoleArn="arn:x";"#
    );
    assert!(!mask(JAAS, "M required password=\"canary").contains("canary"));
    let prefixed = mask("producer.sasl.jaas.config", "M required password=canary;");
    assert!(!prefixed.contains("canary"), "{prefixed}");
    for key in [
        "producer.ssl.keystore.key",
        "basic.auth.user.info",
        "a.Token",
    ] {
        assert!(is_sensitive(key), "{key}");
    }
}

#[test]
fn a_role_of_another_partition_needs_a_region() {
    let login = |partition: &str, more: &[(&str, &str)]| {
        let arn = format!("arn:{partition}:iam::123456789012:role/r");
        let options = [(jaas::ROLE, arn.as_str())];
        let options = options.iter().chain(more);
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        jaas::JaasLogin {
            module: jaas::IAM_MODULE.to_owned(),
            flag: "required".to_owned(),
            options: options.map(owned).collect(),
        }
    };
    let region = [("awsStsRegion", "cn-north-1")];
    assert_eq!(other_partition(&login("aws", &[])), None);
    assert_eq!(other_partition(&login("aws-cn", &region)), None);
    assert_eq!(
        other_partition(&login("aws-cn", &[])).as_deref(),
        Some("aws-cn")
    );
}
