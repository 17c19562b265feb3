package build_test

func applyChild(string) int { return 0 }
