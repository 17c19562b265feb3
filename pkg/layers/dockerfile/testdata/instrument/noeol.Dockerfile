FROM scratch
WORKDIR /w