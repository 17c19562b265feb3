package exec

import "fmt"

// StepMessage says what the exit code of a failed step means.
func StepMessage(code int) string {
	switch code {
	case 127:
		return "exit code 127: a command was not found in the image"
	case 137:
		return "exit code 137: killed, perhaps for lack of memory"
	}
	return fmt.Sprintf("exit code %d", code)
}
