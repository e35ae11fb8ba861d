//! IAM: roles and instance profiles. It is the same in every region.

use aws_sdk_iam::Client;

use super::{
    Account, credentials,
    error::{About, call},
};
use crate::lookup::{
    cloud::{CloudError, Role},
    trust,
};

fn client(account: &Account) -> Client {
    Client::new(&credentials::with_region(&account.config))
}

/// A role.
pub async fn role(account: &Account, name: &str) -> Result<Role, CloudError> {
    let subject = format!("the role `{name}`");
    let about = About {
        action: "iam:GetRole",
        subject: &subject,
        resources: &["", "*/"]
            .map(|path| format!("arn:{{partition}}:iam::{{account}}:role/{path}{name}")),
        denied: "write the ARN: `role_arn: arn:aws:iam::…:role/…`",
        absent: "write its name without a path, or the ARN: `role_arn: …`",
    };
    let response = call(
        account,
        about,
        client(account).get_role().role_name(name).send(),
    )
    .await?;
    let Some(role) = response.role else {
        return Err(CloudError::Refused {
            action: about.action,
            message: "the answer has no role".into(),
            help: None,
            context: Box::default(),
        });
    };
    let encoded = role.assume_role_policy_document().unwrap_or_default();
    Ok(Role {
        arn: role.arn().to_owned(),
        trust: trust::decoded(encoded),
    })
}

/// The roles of an instance profile.
pub(crate) async fn profile_roles(
    account: &Account,
    name: &str,
) -> Result<Vec<String>, CloudError> {
    let subject = format!("the instance profile `{name}`");
    let about = About {
        action: "iam:GetInstanceProfile",
        subject: &subject,
        resources: &["", "*/"].map(|path| {
            format!("arn:{{partition}}:iam::{{account}}:instance-profile/{path}{name}")
        }),
        denied: "see the trust policy of the role yourself",
        absent: "see the instance's profile",
    };
    let request = client(account)
        .get_instance_profile()
        .instance_profile_name(name);
    let response = call(account, about, request.send()).await?;
    let profile = response.instance_profile;
    let roles = profile.iter().flat_map(|profile| profile.roles());
    Ok(roles.map(|role| role.arn().to_owned()).collect())
}
