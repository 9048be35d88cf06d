package process

// System is the memory of the machine, in bytes.
type System struct {
	Total     uint64 `json:"totalBytes"`
	Available uint64 `json:"availableBytes"`
}
