// Package oracle holds no code but its test: random edits of random projects,
// where a real BuildKit's cache says which stages a planner should have named.
package oracle
