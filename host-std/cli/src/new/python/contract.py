"""A counter: what it is called with is added up."""
from subvm import Error, Item, contract, init, public, view


@contract
class Counter:
    kept = Item(0)

    @init
    def create(self, start: int):
        self.kept = start

    @public
    def add(self, n: int):
        if n < 0:
            raise Error("n is negative")
        self.kept += n
        return self.kept

    @view
    def count(self):
        return self.kept
