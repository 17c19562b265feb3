package roster_test

import (
	"os"
	"testing"

	"github.com/terok-ai/terok-agent/pkg/layers/roster"
)

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := roster.Load(os.DirFS("../../../resources"), "agents"); err != nil {
			b.Fatal(err)
		}
	}
}
