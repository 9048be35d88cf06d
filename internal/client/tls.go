package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLS returns the TLS settings of cfg, or an error that names the file that cannot
// be used.
func TLS(cfg Config) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: cfg.Insecure} //nolint:gosec // on request, with a warning
	if cfg.CACert != "" {
		pem, err := cfg.read(cfg.CACert)
		if err != nil {
			return nil, fmt.Errorf("reading --cacert: %w", err)
		}
		if c.RootCAs, err = x509.SystemCertPool(); err != nil {
			c.RootCAs = x509.NewCertPool()
		}
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading --cacert %s: it contains no PEM certificate", cfg.CACert)
		}
	}
	if (cfg.Cert == "") != (cfg.Key == "") {
		return nil, errors.New("--cert and --key go together")
	}
	if cfg.Cert != "" {
		pair, err := cfg.keyPair()
		if err != nil {
			return nil, fmt.Errorf("reading --cert and --key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// keyPair reads the client certificate.
func (cfg *Config) keyPair() (tls.Certificate, error) {
	cert, err := cfg.read(cfg.Cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := cfg.read(cfg.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

// read reads a file that cfg names.
func (cfg *Config) read(path string) ([]byte, error) {
	if cfg.Read != nil {
		return cfg.Read(path)
	}
	return os.ReadFile(path)
}
