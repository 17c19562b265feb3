//go:build !unix

package plan_test

import "time"

func worked() time.Duration { return 0 }
