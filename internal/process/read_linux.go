package process

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// The kernel writes a file of /proc record by record into a page, and hands it out
// when the next does not fit. A read with room for well below a page that is not
// filled has come to the end.
const belowAPage = 2048

// appendFile appends to dst what is in a file of /proc, whose path may be relative
// to the open directory dir. It is os.ReadFile at half the price: these files are
// read by the dozen at each tick, and are no business of the poller.
func appendFile(dst []byte, dir int, path string) ([]byte, error) {
	fd, err := openAt(dir, path, unix.O_RDONLY)
	if err != nil {
		return dst, err
	}
	defer unix.Close(fd) //nolint:errcheck // only read
	for {
		dst = slices.Grow(dst, 512)
		room := dst[len(dst):cap(dst)]
		n, err := unix.Read(fd, room)
		dst = dst[:len(dst)+max(n, 0)]
		if n <= 0 || n < len(room) && len(room) <= belowAPage {
			return dst, os.NewSyscallError("read", err)
		}
	}
}

// readStart reads once, from the start of a file that is kept open: it costs a
// fifth of a file that must be opened. What does not fit into buf is left out.
func readStart(f *os.File, buf []byte) ([]byte, error) {
	if f == nil {
		return nil, os.ErrInvalid
	}
	n, err := unix.Pread(int(f.Fd()), buf, 0)
	return buf[:max(n, 0)], os.NewSyscallError("pread", err)
}

// namesAt lists a directory.
func namesAt(dir int, path string) ([]string, error) {
	fd, err := openAt(dir, path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd) //nolint:errcheck // only read
	var buf [8192]byte
	for names := []string(nil); ; {
		n, err := unix.ReadDirent(fd, buf[:])
		if n <= 0 {
			return names, os.NewSyscallError("readdirent", err)
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

func openAt(dir int, path string, flags int) (int, error) {
	fd, err := unix.Openat(dir, path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return fd, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}
