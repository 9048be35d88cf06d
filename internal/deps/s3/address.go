package s3

import (
	"cmp"
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Variables are the names of the settings that an environment has beside the address.
var Variables = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_ENDPOINT"}

// Bucket is a bucket with the credentials for it.
type Bucket struct {
	base        *url.URL // of the bucket
	name        string
	region      string
	credentials aws.Credentials // without an access key, requests are not signed
}

var bucketName = regexp.MustCompile(`^[a-z0-9A-Z][a-zA-Z0-9._-]{1,254}$`)

// Parse reads an address, s3://bucket or https://host/bucket, with the settings of an
// environment. The error does not repeat the address, since it may hold a secret.
func Parse(address string, environ map[string]string) (Bucket, error) {
	u, err := url.Parse(address)
	wrong := errors.New("not the address of a bucket (not shown, it may hold a secret); want s3://bucket or https://host/bucket")
	if err != nil || u.Host == "" {
		return Bucket{}, wrong
	}
	b := Bucket{region: cmp.Or(u.Query().Get("region"), environ["AWS_REGION"], environ["AWS_DEFAULT_REGION"], "us-east-1")}
	b.credentials = aws.Credentials{AccessKeyID: environ["AWS_ACCESS_KEY_ID"], SecretAccessKey: environ["AWS_SECRET_ACCESS_KEY"], SessionToken: environ["AWS_SESSION_TOKEN"]}
	if key := u.User.Username(); key != "" {
		secret, _ := u.User.Password()
		b.credentials = aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}
	}
	switch strings.ToLower(u.Scheme) {
	case "s3":
		b.name = u.Hostname()
		endpoint := cmp.Or(u.Query().Get("endpoint"), environ["AWS_ENDPOINT_URL_S3"], environ["AWS_ENDPOINT_URL"], environ["S3_ENDPOINT"])
		if b.base, err = baseOf(b.name, b.region, endpoint); err != nil {
			return Bucket{}, wrong
		}
	case "http", "https":
		b.name = strings.Trim(u.Path, "/")
		b.base = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + b.name}
	default:
		return Bucket{}, wrong
	}
	if !bucketName.MatchString(b.name) {
		return Bucket{}, wrong
	}
	return b, nil
}

// baseOf returns the address of a bucket: below the endpoint, or as Amazon names
// it.
func baseOf(name, region, endpoint string) (*url.URL, error) {
	if endpoint == "" {
		host := "s3." + region + ".amazonaws.com"
		if strings.Contains(name, ".") { // the certificate covers one label only
			return &url.URL{Scheme: "https", Host: host, Path: "/" + name}, nil
		}
		return &url.URL{Scheme: "https", Host: name + "." + host, Path: "/"}, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("not the address of a web server")
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).JoinPath(name), nil
}

// String writes the address without credentials.
func (b Bucket) String() string { return b.base.String() }
