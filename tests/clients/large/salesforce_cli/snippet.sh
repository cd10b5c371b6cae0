export SF_ACCESS_TOKEN="$ORGPASS_TOKEN"
sf org login access-token --instance-url "$ORGPASS_URL" --no-prompt --alias acme
sf data query --target-org acme --query 'SELECT Id, LastName FROM Contact LIMIT 3'
