package process

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"
)

// refresh prepares for the calls of children of one tick by one list of all processes:
// gopsutil makes such a list for each process.
func (k *kinship) refresh() error {
	list, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(list) //nolint:errcheck // nothing was written
	k.kids = map[int][]int{}
	var e windows.ProcessEntry32
	e.Size = uint32(unsafe.Sizeof(e))
	for err = windows.Process32First(list, &e); err == nil; err = windows.Process32Next(list, &e) {
		parent := int(e.ParentProcessID)
		k.kids[parent] = append(k.kids[parent], int(e.ProcessID))
	}
	if errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return nil
	}
	return err
}
