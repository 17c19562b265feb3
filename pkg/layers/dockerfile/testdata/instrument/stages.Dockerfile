# escape=\
ARG BASE=docker.io/library/base:1

FROM ${BASE} AS alias
FROM ${BASE} AS build
ENV A=1 \
    # a comment within
    B=2
RUN make \
    all
FROM ${BASE} AS unused
RUN never
FROM scratch AS result
COPY --from=build /out /
COPY --from=alias /etc/hostname /
LABEL own=1
FROM build AS test
RUN <<EOF
echo '\'
EOF
