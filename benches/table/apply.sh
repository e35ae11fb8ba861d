# The first apply as one shell script: the same lock, digests, renames and syncs, and nothing else.
# $1 url and $2 sha512 of Kafka's archive, $3 url and $4 sha256 of the jar, $5 the role.
set -eu
name=kafka_2.12-2.8.1 jar=aws-msk-iam-auth-1.1.5-all.jar
exec 9<"$HOME/.ssh"
flock -n 9
umask 077
work=$(mktemp -d "$HOME/.apply.XXXXXX")
trap 'rm -rf "$work"' EXIT
curl -fsS -o "$work/archive" "$1"
echo "$2  $work/archive" | sha512sum -c --status
(umask 022; tar -xzf "$work/archive" -C "$work")
sync
mv -T "$work/$name" "$HOME/$name"
curl -fsS -o "$work/jar" "$3"
echo "$4  $work/jar" | sha256sum -c --status
chmod 644 "$work/jar"
sync "$work/jar"
mv -T "$work/jar" "$HOME/$name/libs/$jar"
sync "$HOME/$name/libs"
path=$HOME/$name/libs/$jar
{
  cat "$HOME/.bashrc"
  printf '# trueup: CLASSPATH, managed\nexport CLASSPATH="%s"\n# trueup: end\n' "$path"
} >"$work/bashrc"
chmod --reference="$HOME/.bashrc" "$work/bashrc"
sync "$work/bashrc"
mv -T "$work/bashrc" "$HOME/.bashrc"
sync "$HOME"
cat >"$work/properties" <<END
security.protocol=SASL_SSL
sasl.mechanism=AWS_MSK_IAM
sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn="$5";
sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler
END
sync "$work/properties"
mv -T "$work/properties" "$HOME/$name/bin/client.properties"
sync "$HOME/$name/bin"
