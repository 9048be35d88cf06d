package main

import (
	"context"
	"errors"
)

func (f *proxyFlags) wrap(ctx context.Context, command []string) error {
	return errors.New("later")
}
