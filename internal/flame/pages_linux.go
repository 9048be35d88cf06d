package flame

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const largePage = 2 << 20 // bytes; where a page is larger, the kernel takes the hint for less

// onLargePages asks for large pages under s, which must be new. A tree is read and written all over:
// with pages of 4 KiB, finding the page takes as long as the access, and a
// million stacks touch a hundred thousand of them. It is a hint, which the kernel may not follow.
func onLargePages[T any](s []T) []T {
	var element T
	size := uintptr(cap(s)) * unsafe.Sizeof(element)
	start := unsafe.Pointer(unsafe.SliceData(s))
	skip := -uintptr(start) & (largePage - 1)
	if size < skip+largePage {
		return s
	}
	whole := (size - skip) &^ (largePage - 1)
	_ = unix.Madvise(unsafe.Slice((*byte)(unsafe.Add(start, skip)), whole), unix.MADV_HUGEPAGE)
	return s
}
