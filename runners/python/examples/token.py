"""A token: a supply, balances, and allowances to spend what is another's."""
from subvm import Address, Error, Item, Map, contract, emit, init, message, public, view


@contract
class Token:
    supply = Item(0)
    balances = Map(0)
    allowances = Map(0)

    @init
    def create(self, supply: int):
        self.supply = supply
        self.balances[message.sender] = supply

    @view
    def total(self):
        return self.supply

    @view
    def balance_of(self, owner: Address):
        return self.balances[owner]

    @public
    def transfer(self, to: Address, amount: int):
        self.pay(message.sender, to, amount)

    @public
    def approve(self, spender: Address, amount: int):
        self.allowances[message.sender, spender] = amount

    @public
    def transfer_from(self, owner: Address, to: Address, amount: int):
        left = self.allowances[owner, message.sender] - amount
        if left < 0:
            raise Error("the allowance is too small")
        self.allowances[owner, message.sender] = left
        self.pay(owner, to, amount)

    def pay(self, owner, to, amount):
        if amount < 0:
            raise Error("an amount is not negative")
        left = self.balances[owner] - amount
        if left < 0:
            raise Error("the balance is too small")
        self.balances[owner] = left
        self.balances[to] += amount
        emit("Transferred", {"from": owner, "to": to, "amount": amount}, topics=["from", "to"])
