package podman_test

const (
	childVariable = "TEROK_TEST_CHILD"
	stubVariable  = "TEROK_TEST_STUB"
)

func childMain() int { return 0 }
func stubMain() int  { return 0 }
