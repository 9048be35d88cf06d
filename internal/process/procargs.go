package process

import (
	"bytes"
	"encoding/binary"
)

// parseProcargs reads the value of kern.procargs2 on macOS: the number of arguments, the path of
// the program, zeros, then the arguments, each with a zero, and the environment, which is ignored.
func parseProcargs(data []byte) (exe string, args []string) {
	if len(data) < 4 {
		return "", nil
	}
	count := binary.LittleEndian.Uint32(data)
	path, rest, _ := bytes.Cut(data[4:], []byte{0})
	rest = bytes.TrimLeft(rest, "\x00")
	for ; count > 0 && len(rest) > 0; count-- {
		var arg []byte
		arg, rest, _ = bytes.Cut(rest, []byte{0})
		args = append(args, string(arg))
	}
	return string(path), args
}
