#!/bin/sh
# Sets up a Kafka client machine by hand, in the commands of the walkthrough that trueup replaces.
#
#   walkthrough.sh SITE ROLE_ARN [JAVA_PACKAGE]
#
# To be run as the machine's own user (ec2-user). SITE is where kafka_2.12-2.8.1.tgz and
# aws-msk-iam-auth-1.1.5-all.jar lie: the rig's HTTP server stands in for Apache's and GitHub's.
# A test runs it, and then expects trueup to find little to do: so what stands here must stay what a
# person would type. client.properties ends with mode 0644, which is what such machines have.
set -eu
umask 022
site=$1 role_arn=$2

# The walkthrough's wget, or curl on a machine without it.
get() {
  if command -v wget >/dev/null; then wget -q "$1"; else curl -fsSO "$1"; fi
}

# Packages' scripts read nothing: this script itself may be what comes in on stdin (`sh -s`).
if command -v yum >/dev/null; then
  sudo yum install -y -q "${3:-java-1.8.0}" </dev/null
else
  sudo apt-get update -q </dev/null
  sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -q "${3:-default-jre-headless}" </dev/null
fi

cd "$HOME"
get "$site/kafka_2.12-2.8.1.tgz"
tar -xzf kafka_2.12-2.8.1.tgz

cd "$HOME/kafka_2.12-2.8.1/libs"
get "$site/aws-msk-iam-auth-1.1.5-all.jar"

export CLASSPATH="$HOME/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar"
echo "export CLASSPATH=$CLASSPATH" >> "$HOME/.bashrc"

cd "$HOME/kafka_2.12-2.8.1/bin"
cat > client.properties <<PROPERTIES
# Sets up TLS for encryption and SASL for authN.
security.protocol = SASL_SSL

# Identifies the SASL mechanism to use.
sasl.mechanism = AWS_MSK_IAM

# Binds SASL client implementation.
sasl.jaas.config = software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn="$role_arn";

# Encapsulates constructing a SigV4 signature based on extracted credentials.
# The SASL client bound by "sasl.jaas.config" invokes this class.
sasl.client.callback.handler.class = software.amazon.msk.auth.iam.IAMClientCallbackHandler
PROPERTIES
