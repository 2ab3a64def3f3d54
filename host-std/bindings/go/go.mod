module github.com/subvm/subvm/host-std/bindings/go

go 1.19
