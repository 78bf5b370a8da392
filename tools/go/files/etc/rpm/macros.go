# What a spec needs whose package.yaml has a Go program. Only such a build sees this file and the Go it names, at
# /usr/lib/slipway/go; rpm loads it after macros.slipway.

%_goarch                %[ "%{_cross_arch}" == "aarch64" ? "arm64" : "amd64" ]

# Everything comes from vendor/; cgo is off unless a spec turns it on. Assembly and C are compiled for the target.
%set_go_flags \
  export PATH=/usr/lib/slipway/go/bin:$PATH GOTOOLCHAIN=local GOENV=off GOTELEMETRY=off GOPROXY=off GOSUMDB=off ; \
  export GOOS=linux GOARCH=%{_goarch} GOFLAGS='-mod=vendor -trimpath' GOMAXPROCS=%{_smp_build_ncpus} GOCACHE=%{_builddir}/go-cache ; \
  export CGO_ENABLED=${CGO_ENABLED:-0} CC=%{_target_triple}-gcc CXX=%{_target_triple}-g++ PKG_CONFIG=%{_target_triple}-pkg-config ; \
  export CGO_CFLAGS='%{build_cflags}' CGO_CXXFLAGS='%{build_cxxflags}' CGO_LDFLAGS='%{build_ldflags}'

# %go_build [-t TAGS] [-x IMPORT.PATH.NAME=VALUE] -o FILE PACKAGE: -x sets a variable of the program and may be repeated in one
# argument, separated by commas.
%go_build(t:x:o:) \
  go build -p %{_smp_build_ncpus} %{-t:-tags %{-t*}} -o %{-o*} -ldflags "-s -w -buildid= $(printf '%s' "%{-x*}" | sed 's/[^,][^,]*/-X &/g; s/,/ /g') %{?_go_ldflags}" %*

# %go_licenses NAME: the licences of every module that is in vendor/, beside those of package NAME itself.
%go_licenses() \
  find vendor -type f -regextype posix-extended -iregex '.*/(licen[cs]e|copying|copyright|notice|patents|legal)[^/]*' \\\
    ! -name '*.go' ! -name '*.sh' -exec install -D -m 0644 '{}' '%{buildroot}%{_defaultlicensedir}/%1/{}' ';'
