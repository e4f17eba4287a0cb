#!/bin/sh
# Certificates, passwords and the token server's configuration for registry-compose.yml: registry-secrets.sh DIRECTORY
set -eu
[ $# = 1 ] || { echo "Usage: registry-secrets.sh DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
cd "$1"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=127.0.0.1 \
  -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' -keyout server.key -out server.crt 2>/dev/null
hash='$2b$04$vfYXtxpRM1Ur43QmTwqSV.IgxFBhhxrA3.1mYfYiV6Q3mqvwJYHii'
printf 'tester:%s\n' "$hash" >htpasswd
cat >auth.yml <<END
server: {addr: ":5001", certificate: /secrets/server.crt, key: /secrets/server.key}
token: {issuer: test-issuer, expiration: 300}
users: {tester: {password: "$hash"}}
acl: [{match: {account: tester}, actions: ["*"]}]
END
echo "Trust $1/server.crt for 127.0.0.1:5001 and 127.0.0.1:5003, as in docker's certs.d" >&2
