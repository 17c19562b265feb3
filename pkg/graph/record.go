package graph

// The labels of our images. Every layer writes all of its own, so that nothing
// is inherited by mistake.
const (
	LabelNode   = "ai.terok.node"
	LabelKey    = "ai.terok.key"
	LabelRecord = "ai.terok.record"
	LabelAgents = "ai.terok.agents"
)
