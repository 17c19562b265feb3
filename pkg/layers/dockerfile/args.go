package dockerfile

import "strings"

// The arguments that change a build without being declared.
const (
	hostnameArg = "BUILDKIT_SANDBOX_HOSTNAME" // of every RUN
	cacheNSArg  = "BUILDKIT_CACHE_MOUNT_NS"   // which cache a default id means
	epochArg    = "SOURCE_DATE_EPOCH"         // times of directories and of the image
)

var proxyArgs = []string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"}

// builtinArg reports whether builders take name without a declaration.
func builtinArg(name string) bool {
	if strings.HasPrefix(name, "BUILDKIT_") || name == epochArg || name == saltArg {
		return true
	}
	for _, p := range proxyArgs {
		if strings.EqualFold(name, p) {
			return true
		}
	}
	for _, kv := range platformArgs(Options{}, "") {
		if kv[0] == name {
			return true
		}
	}
	return false
}

// platformArgs returns the predefined arguments and their values. They are
// visible to FROM, and to a stage that declares them.
func platformArgs(o Options, target string) [][2]string {
	build := o.BuildPlatform
	if build == "" {
		build = o.Platform
	}
	if target == "" {
		target = "default"
	}
	var out [][2]string
	for _, p := range [][2]string{{"BUILD", build}, {"TARGET", o.Platform}} {
		part := strings.SplitN(p[1]+"//", "/", 4)
		out = append(
			out,
			[2]string{p[0] + "PLATFORM", p[1]},
			[2]string{p[0] + "OS", part[0]},
			[2]string{p[0] + "OSVERSION", ""},
			[2]string{p[0] + "ARCH", part[1]},
			[2]string{p[0] + "VARIANT", part[2]},
		)
	}
	return append(out, [2]string{"TARGETSTAGE", target})
}
