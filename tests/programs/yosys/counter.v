// A counter of eight bits whose top bits go round a ring, for the smallest of Lattice's iCE40.
module counter(input clk, input reset, output [3:0] leds);
    reg [7:0] count;
    always @(posedge clk)
        if (reset) count <= 0;
        else count <= count + 8'd3;
    assign leds = {count[7] ^ count[6], count[6] & ~reset, count[5] | count[4], count[4]};
endmodule
