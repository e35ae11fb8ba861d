# What a plan reads, as one shell script. $1 the sha256 of the jar.
set -eu
name=kafka_2.12-2.8.1 jar=$HOME/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar
bash -lic 'command -v java; printf "%s\n" "$CLASSPATH" "$JAVA_HOME"' </dev/null 2>/dev/null
rpm -q java-1.8.0-openjdk || :
find "$HOME/$name" -type f | wc -l
echo "$1  $jar" | sha256sum -c --status
cat "$HOME/.bashrc" "$HOME/$name/bin/client.properties"
stat -c '%a %U' "$HOME/$name/bin/client.properties"
